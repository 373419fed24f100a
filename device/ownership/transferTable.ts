import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { DrayageError, type Cause } from '../../core/cause.ts';
import { exchangeSchema, type Exchange, type TargetStatusMessage } from '../../core/linkMessages.ts';
import { answerAbort, type AbortAction, type Decision } from '../../core/ownership.ts';
import type { LinkRequest } from '../link/linkServer.ts';
import { Journal, type JournalRecord } from './journal.ts';
import { lastWord, type LastWord } from './lastWord.ts';
import type { TransferDeps, TransferRequest } from './ports.ts';
import { imagesDirectory } from './sourceMember.ts';
import { SourceTransfer, type SourceOutcome } from './sourceTransfer.ts';
import { TargetTransfer, silentStatus, unknownTransfer } from './targetTransfer.ts';
import { exists } from '../exists.ts';

type SourceRecord = JournalRecord & { role: 'source' };
type TargetRecord = JournalRecord & { role: 'target' };

/** Finished transfers kept in memory to answer late messages quickly; older ones are answered from the journal. */
const KEEP_FINISHED = 64;
/** Of a transfer that was stopped before its source had written anything. */
const NEVER_BEGUN = 'stopped before it was begun';

/** All transfers that this device takes part in: one machine each, found by id, whoever asks. */
export class TransferTable {
  readonly #deps: TransferDeps;
  readonly #journals = new Map<string, Promise<Journal>>();
  readonly #sources = new Map<string, SourceTransfer>();
  readonly #targets = new Map<string, TargetTransfer>();
  readonly #busy = new Map<string, number>();
  /** Of moves that were stopped before their source began; what is on disk says the same. */
  readonly #neverBegun = new Set<string>();
  /** Ends found in the journal that the control plane may not have heard of. */
  readonly #unreported = new Map<string, 'owner' | 'thawed' | 'released'>();

  constructor(deps: TransferDeps) {
    this.#deps = deps;
  }

  /** The source's machine of this transfer: the running one, the journal's, or a new one, which arms and then waits. */
  async source(request: TransferRequest): Promise<SourceTransfer | SourceOutcome> {
    const known = this.#sources.get(request.transfer);
    if (known) return known;
    const journal = await this.#journal(request.group);
    const record = journal.find(request.transfer);
    const again = this.#sources.get(request.transfer);
    if (again) return again;
    if (record?.role === 'source')
      return finalOutcome(record) ?? this.#add(SourceTransfer.recover(this.#deps, request, journal, record));
    if (this.#neverBegun.has(request.transfer)) return ended('thawed', NEVER_BEGUN);
    return this.#add(SourceTransfer.begin(this.#deps, request, journal));
  }

  /** The source's machine that was armed for this transfer, if this worker did. */
  armedSource(transfer: string): SourceTransfer | null {
    return this.#sources.get(transfer) ?? null;
  }

  /** The move ends before its switch: what waits for that on this source is ended, and nothing is armed for it any more. */
  async disarmSource(transfer: string, cause: Cause): Promise<void> {
    this.#neverBegun.add(transfer);
    const machine = this.#sources.get(transfer);
    machine?.abort(cause);
    await machine?.done;
  }

  /**
   * Asks the source's machine to stop before the commit point; resolves once it is certain what came of that. One that was
   * stopped before it had begun to freeze never will: that is on disk before it is said.
   */
  async abortSource(request: TransferRequest, cause: Cause): Promise<Decision<AbortAction>> {
    const journal = await this.#journal(request.group);
    const record = journal.find(request.transfer);
    let machine = this.#sources.get(request.transfer);
    if (!machine && record?.role === 'source') {
      const answer = answerAbort(record.state);
      if (finalOutcome(record)) return answer;
      machine = this.#add(SourceTransfer.recover(this.#deps, request, journal, record));
    }
    if (machine) {
      machine.abort(cause);
      const answer = await machine.aborted();
      if (answer.action !== 'stopped' || journal.find(request.transfer)) return answer;
    }
    this.#neverBegun.add(request.transfer);
    const { transfer, group, epoch, peer, computes } = request;
    const written = { transfer, group, epoch, peer, computes, reason: NEVER_BEGUN, at: Date.now() };
    await journal.append({ role: 'source', state: 'thawed', ...written });
    return answerAbort('unbegun');
  }

  /** The target's machine of this transfer. @throws DrayageError when it has ended here already */
  async target(request: TransferRequest, descriptors: Record<string, string[]>): Promise<TargetTransfer> {
    const known = this.#targets.get(request.transfer);
    if (known) return known;
    const journal = await this.#journal(request.group);
    const again = this.#targets.get(request.transfer);
    if (again) return again;
    if (journal.find(request.transfer)) throw unknownTransfer(request.transfer);
    return this.#add(TargetTransfer.begin(this.#deps, request, journal, descriptors));
  }

  /** A running machine of the target, or how it ended: attempts that come late attach here. */
  async attachTarget(request: TransferRequest): Promise<TargetTransfer | 'owner' | 'discarded' | 'none'> {
    const known = this.#targets.get(request.transfer);
    if (known) return known;
    const record = (await this.#journal(request.group)).find(request.transfer);
    if (record?.role !== 'target') return 'none';
    return record.state === 'owner' ? 'owner' : 'discarded';
  }

  /** The source has taken the computes back: nothing of the transfer stays here, and it can never be restored any more. */
  async discardTarget(request: TransferRequest): Promise<'owner' | 'discarded'> {
    const known = this.#targets.get(request.transfer);
    if (known) {
      known.hear('thawed');
      return (await known.done).state;
    }
    const journal = await this.#journal(request.group);
    const record = journal.find(request.transfer);
    if (record?.role === 'target' && record.state !== 'none')
      return record.state === 'owner' ? 'owner' : 'discarded';
    await this.#neverHold(journal, request);
    return 'discarded';
  }

  /** Whether a compute takes part in a transfer right now: then nothing but the machine starts or stops it. */
  busy(computeId: string): boolean {
    return (this.#busy.get(computeId) ?? 0) > 0;
  }

  /** How many transfers are under way. */
  get open(): number {
    return [...this.#busy.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Takes up what an earlier worker left. Call it after the earlier worker's helpers have been ended. */
  async recover(): Promise<void> {
    let all = true;
    for (const group of await Journal.groups(join(this.#deps.stateDir, 'journal'))) {
      try {
        await this.#recoverGroup(group);
      } catch (error) {
        // One group's computes stay as they are; all others must not wait for them.
        this.#deps.log('a group cannot be recovered', { group, error: String(error) });
        all = false;
      }
    }
    if (all) await this.#forgetImages();
  }

  /** Of transfers that nobody takes up: they were armed, and nothing was written of them. */
  async #forgetImages(): Promise<void> {
    const images = join(this.#deps.runDir, 'images');
    const transfers = await readdir(images).catch(() => []);
    const left = transfers.filter((transfer) => !this.#sources.has(transfer) && !this.#targets.has(transfer));
    await Promise.all(left.map((transfer) => rm(join(images, transfer), { recursive: true, force: true })));
  }

  async #recoverGroup(group: string): Promise<void> {
    const journal = await this.#journal(group);
    const record = journal.latest().at(-1);
    if (!record) return;
    const request = await this.#requestOf(record);
    const { transfer, role, state } = record;
    this.#deps.log('found in the journal', { transfer, role, state });
    if (record.role === 'source') await this.#recoverSource(record, request, journal);
    else await this.#recoverTarget(record, request, journal);
  }

  /**
   * Tells the control plane how transfers ended that an earlier worker took part in. Before this has succeeded its
   * placements may be behind: a compute that this device owns could look like one that has no business here.
   * @throws DrayageError while the control plane is away
   */
  async reportEnds(): Promise<void> {
    for (const [transfer, outcome] of this.#unreported) {
      try {
        await this.#deps.control.report(transfer, outcome);
      } catch (error) {
        if (error instanceof DrayageError && error.retryable) throw error;
        this.#deps.log('the control plane has another end on record', {
          transfer,
          outcome,
          error: String(error),
        });
      }
      this.#unreported.delete(transfer);
    }
  }

  /** What the journal says of who owns a group; null when it says nothing, or a transfer is under way. */
  async lastWord(group: string): Promise<LastWord | null> {
    // Whatever has a journal was opened at the start or by its transfer: none is made for asking.
    const journal = await this.#journals.get(group);
    return journal ? lastWord(journal.latest()) : null;
  }

  /** How this device, its source, ended a transfer that the control plane has open; null when it has not. */
  async endedSource(group: string, transfer: string): Promise<'thawed' | 'released' | null> {
    const record = (await this.#journals.get(group))?.find(transfer);
    if (record?.role !== 'source') return null;
    return record.state === 'thawed' || record.state === 'released' ? record.state : null;
  }

  /** This worker ends: its machines take no further step, and nothing more is written. */
  async close(): Promise<void> {
    for (const machine of [...this.#sources.values(), ...this.#targets.values()]) machine.leave();
    for (const journal of this.#journals.values()) await (await journal.catch(() => null))?.close();
  }

  /** Serves a peer's request about transfers. Returns false when the path is none of these. */
  async serve({ stream, path, peer }: LinkRequest): Promise<boolean> {
    const match =
      /^\/v1\/transfers\/([0-9a-f]{32})\/(session|images|files|log|flows|exchange)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
        path,
      );
    if (!match) return false;
    const [, transfer = '', kind = '', computeId = '', name = ''] = match;
    if (kind === 'exchange') {
      const body = exchangeSchema.parse(await json(stream));
      const reply = await this.#exchange(transfer, peer, body);
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(JSON.stringify(reply));
      return true;
    }
    const target = this.#targets.get(transfer);
    if (!target || target.request.peer.id !== peer) {
      stream.respond({ ':status': 404 });
      stream.end(unknownTransfer(transfer).message);
      return true;
    }
    stream.respond({ ':status': 200 });
    if (kind === 'session') {
      await target.session(stream);
      return true;
    }
    await target.data(kind, computeId, decodeURIComponent(name), stream);
    stream.end();
    return true;
  }

  async #exchange(transfer: string, peer: string, body: Exchange): Promise<unknown> {
    if (body.role === 'target') {
      const source = this.#sources.get(transfer);
      if (source && source.request.peer.id === peer) source.hear(body.status);
      const record = (await this.#journal(body.group)).find(transfer);
      const state =
        source?.request.peer.id === peer
          ? source.state
          : record?.role === 'source'
            ? record.state
            : 'unknown';
      return { role: 'source', group: body.group, epoch: body.epoch, state };
    }
    return this.#tellTarget(transfer, peer, body);
  }

  async #tellTarget(
    transfer: string,
    peer: string,
    body: Exchange & { role: 'source' },
  ): Promise<TargetStatusMessage> {
    const target = this.#targets.get(transfer);
    if (target && target.request.peer.id === peer) {
      const before = target.state;
      if (before === 'owner' || before === 'discarded')
        this.#deps.log('a late message changes nothing', { transfer, said: body.state });
      target.hear(body.state);
      return target.status();
    }
    const journal = await this.#journal(body.group);
    const record = journal.find(transfer);
    if (record?.role === 'target') {
      this.#deps.log('a late message changes nothing', { transfer, said: body.state });
      return silentStatus(record.state, record.state === 'discarded' ? record.reason : null);
    }
    if (body.state !== 'aborting' && body.state !== 'thawing' && body.state !== 'thawed')
      return silentStatus('none', null);
    await this.#neverHold(journal, {
      transfer,
      group: body.group,
      epoch: body.epoch,
      peer: { id: peer, linkAddress: '' },
      computes: [],
      migration: '',
    });
    return silentStatus('discarded', 'it never had all of the compute');
  }

  /** Writes `discarded` for a transfer that was never held, so that it never will be. */
  async #neverHold(
    journal: Journal,
    { transfer, group, epoch, peer, computes }: TransferRequest,
  ): Promise<void> {
    const reason = 'never held';
    await journal.append({
      role: 'target',
      state: 'discarded',
      transfer,
      group,
      epoch,
      peer,
      computes,
      reason,
      at: Date.now(),
    });
  }

  async #recoverSource(record: SourceRecord, request: TransferRequest, journal: Journal): Promise<void> {
    if (record.state === 'thawed' || record.state === 'released')
      this.#unreported.set(record.transfer, record.state);
    if (record.state === 'thawed') return;
    if (record.state === 'released') {
      // The release was cut short: the copy here must never run again.
      for (const spec of record.computes) {
        const member = this.#deps.members.source(request, spec);
        await member.relocate().catch(() => undefined);
        if (await member.frozen()) await member.kill();
      }
      return;
    }
    this.#add(SourceTransfer.recover(this.#deps, request, journal, record));
  }

  async #recoverTarget(record: TargetRecord, request: TransferRequest, journal: Journal): Promise<void> {
    if (record.state === 'held') this.#add(TargetTransfer.recover(this.#deps, request, journal, record));
    if (record.state !== 'owner') return;
    const unsettled = await Promise.all(
      record.computes.map(({ id }) =>
        exists(join(imagesDirectory(this.#deps.runDir, record.transfer, id), 'ready')),
      ),
    );
    if (unsettled.some(Boolean)) this.#add(TargetTransfer.recover(this.#deps, request, journal, record));
    else this.#unreported.set(record.transfer, 'owner');
  }

  /** The peer may have got another address meanwhile; while the control plane is away, the old one is tried. */
  async #requestOf(record: JournalRecord): Promise<TransferRequest> {
    const peer = await this.#deps.control.peer(record.peer.id).catch(() => record.peer);
    const { transfer, group, epoch, computes } = record;
    return { transfer, group, epoch, computes, peer, migration: '' };
  }

  #add<T extends SourceTransfer | TargetTransfer>(machine: T): T {
    const map: Map<string, T> = (machine instanceof SourceTransfer ? this.#sources : this.#targets) as never;
    map.set(machine.request.transfer, machine);
    const ids = machine.request.computes.map(({ id }) => id);
    for (const id of ids) this.#busy.set(id, (this.#busy.get(id) ?? 0) + 1);
    const done: Promise<unknown> = machine.done;
    void done
      .catch((error: unknown) =>
        this.#deps.log('a transfer cannot go on', {
          transfer: machine.request.transfer,
          error: String(error),
        }),
      )
      .finally(() => {
        for (const id of ids) this.#busy.set(id, (this.#busy.get(id) ?? 1) - 1);
        const [oldest] = map.keys();
        if (map.size > KEEP_FINISHED && oldest !== undefined) map.delete(oldest);
      });
    return machine;
  }

  #journal(group: string): Promise<Journal> {
    let journal = this.#journals.get(group);
    if (!journal) {
      journal = Journal.open(join(this.#deps.stateDir, 'journal'), group);
      this.#journals.set(group, journal);
      journal.catch(() => this.#journals.delete(group));
    }
    return journal;
  }
}

function finalOutcome({ state, reason }: SourceRecord): SourceOutcome | null {
  return state === 'thawed' || state === 'released' ? ended(state, reason) : null;
}

function ended(state: 'thawed' | 'released', reason: string): SourceOutcome {
  return {
    state,
    reason,
    causes: [],
    phases: [],
    frozenMs: null,
    wireBytes: 0,
    roundTrips: 0,
    rounds: [],
    predicted: null,
  };
}
