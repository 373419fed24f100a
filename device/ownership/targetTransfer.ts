import type { Duplex, Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError, type Cause } from '../../core/cause.ts';
import {
  fromSourceSchema,
  exchangeSchema,
  type FromSource,
  type FromTarget,
  type Manifest,
  type TargetStatusMessage,
} from '../../core/linkMessages.ts';
import type { Phase } from '../../core/migration.ts';
import { decideTarget, type SourceState, type TargetState, type TargetView } from '../../core/ownership.ts';
import { toCause } from '../../core/toCause.ts';
import { collectGarbage } from '../collectGarbage.ts';
import { Failpoints } from '../failpoints.ts';
import { LineChannel } from '../link/lineChannel.ts';
import type { Journal, JournalRecord } from './journal.ts';
import { workerEnds } from './linkTrouble.ts';
import type { TargetPart } from './members.ts';
import { PhaseClock } from './phaseClock.ts';
import type { TransferDeps, TransferRequest } from './ports.ts';
import { TransferTalk } from './transferTalk.ts';
import { untilDone } from './untilDone.ts';
import { WakeUp } from './wakeUp.ts';

/** How a transfer ended on its target. */
export interface TargetOutcome {
  state: 'owner' | 'discarded';
  reason: string;
  causes: Cause[];
  phases: Phase[];
}

/** How often the source and the control plane are asked while the session is gone or silent, milliseconds. */
const ASK_EVERY_MS = 300;
/** And before the source has opened its session: it may still be copying memory. */
const UNMET_ASK_EVERY_MS = 3000;
/** A hold longer than this leaves the network until it ends: a shut queue lets one frame a bucket (190 s) through. */
const WITHDRAW_MS = 60_000;

/**
 * The target's side of one transfer: the only thing on this device that restores, opens or discards its computes.
 * Activities attach to it through `armed` and `done`.
 */
export class TargetTransfer {
  readonly request: TransferRequest;
  readonly armed: Promise<void>;
  readonly done: Promise<TargetOutcome>;
  readonly clock = new PhaseClock();
  readonly #deps: TransferDeps;
  readonly #journal: Journal;
  readonly #members: TargetPart[];
  readonly #talk: TransferTalk;
  readonly #wake = new WakeUp();
  #view: TargetView = { state: 'none', copy: 'none', source: null, verdict: 'none' };
  #session: LineChannel<FromSource, FromTarget> | null = null;
  /** The source has opened a session once. */
  #met = false;
  #cause: Cause | null = null;
  #live = false;
  #heldFrom = 0;
  #reason = '';
  #withdrawn = false;
  #left = false;
  /** From the decision on: a manifest that comes while the copy is being cleared away is too late. */
  #discarding = false;
  #failpoints: Failpoints | null = null;

  private constructor(
    deps: TransferDeps,
    request: TransferRequest,
    journal: Journal,
    arm: (self: TargetTransfer) => Promise<void>,
  ) {
    this.#deps = deps;
    this.request = request;
    this.#journal = journal;
    this.#talk = new TransferTalk(deps, request);
    this.#members = request.computes.map((spec) => deps.members.target(request, spec));
    this.armed = arm(this);
    this.done = this.armed.then(
      () => this.#resolve(),
      (error: unknown) => this.#fail(error).then(() => this.#resolve()),
    );
    this.armed.catch(() => undefined);
    this.done.catch(() => undefined);
  }

  /** Begins: everything is started and waits. `descriptors` by compute id. */
  static begin(
    deps: TransferDeps,
    request: TransferRequest,
    journal: Journal,
    descriptors: Record<string, string[]>,
  ): TargetTransfer {
    return new TargetTransfer(deps, request, journal, async (self) => {
      const failpoints = (self.#failpoints = await Failpoints.load(deps.runDir));
      await failpoints.hit('target.arming');
      const hold = failpoints.fileOf('target.filling');
      await Promise.all(self.#members.map((member) => member.arm(descriptors[member.spec.id] ?? [], hold)));
      collectGarbage();
    });
  }

  /** Takes up a transfer that an earlier worker left in the journal. */
  static recover(
    deps: TransferDeps,
    request: TransferRequest,
    journal: Journal,
    record: JournalRecord & { role: 'target' },
  ): TargetTransfer {
    return new TargetTransfer(deps, request, journal, (self) => self.#recover(record.state));
  }

  get state(): TargetState {
    return this.#view.state;
  }

  status(): TargetStatusMessage {
    return {
      state: this.#view.state,
      ready: this.#view.state === 'held' && this.#view.copy === 'ready',
      live: this.#live,
      trouble: this.#cause,
      phases: this.clock.list(),
      heldMs: this.#heldFrom === 0 ? 0 : Math.max(0, this.clock.now() - this.#heldFrom),
    };
  }

  /** The source's state, by whichever way it comes. A state of an earlier stage than one heard changes nothing. */
  hear(state: SourceState | 'unknown'): void {
    this.#view.source = state;
    this.#wake.wake();
  }

  /** This worker ends: it begins no further step. What the journal says is the next one's to take up. */
  leave(): void {
    this.#left = true;
    this.#talk.end();
    this.#wake.wake();
  }

  /** The source opens its session; a second one takes the place of the first. */
  async session(stream: Duplex): Promise<void> {
    await this.armed;
    const channel = new LineChannel<FromSource, FromTarget>(stream, fromSourceSchema, (message) => {
      this.#receive(message).catch((error: unknown) => this.#fail(error));
    });
    this.#session = channel;
    this.#met = true;
    void channel.closed.then(() => {
      if (this.#session === channel) this.#session = null;
      this.#wake.wake();
    });
    channel.send({ type: 'armed' });
  }

  /** A stream of data of one compute: `kind` is images, files, log or flows. */
  async data(kind: string, computeId: string, name: string, stream: Readable): Promise<void> {
    const member = this.#members.find(({ spec }) => spec.id === computeId);
    if (kind === 'flows') return member?.receiveFlows(stream);
    const expecting = this.#view.state === 'none' || this.#view.copy === 'restoring';
    if (!member || !expecting) throw new Error(`nothing of compute ${computeId} is expected`);
    try {
      if (kind === 'images') await member.receiveImage(name, stream);
      else if (kind === 'files') await member.receiveFiles(name, stream);
      else if (kind === 'log') await member.receiveLog(stream);
      else throw new Error(`unknown kind of data ${kind}`);
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #receive(message: FromSource): Promise<void> {
    switch (message.type) {
      case 'announce':
        await Promise.all(
          this.#members.map((member) => member.announce(message.neighbours[member.spec.id] ?? [])),
        );
        this.#session?.send({ type: 'announced' });
        return;
      case 'manifest':
        await this.#restore(message.manifest);
        return;
      case 'state':
        this.hear(message.state);
        return;
    }
  }

  /** From here a copy exists that could be opened: `held` is on disk before `ready` is said. */
  async #restore(manifest: Manifest): Promise<void> {
    if (this.#view.state !== 'none' || this.#view.copy !== 'none' || this.#discarding) return;
    this.#view.copy = 'restoring';
    const restored = this.clock.time('restore', () =>
      Promise.all(
        manifest.computes.map((part) => {
          const member = this.#members.find(({ spec }) => spec.id === part.id);
          if (!member) throw new Error(`compute ${part.id} is not of this transfer`);
          return member.restore(part, () => this.#failpoints?.hit('target.restoring') ?? Promise.resolve());
        }),
      ),
    );
    await Promise.all([
      restored.then(() => (this.#heldFrom = this.clock.now())),
      this.#enter('held', 'the manifest is complete'),
    ]);
    await Promise.all(this.#members.map((member) => member.markReady()));
    await this.#failpoints?.hit('target.ready');
    if (this.#view.copy === 'restoring') this.#view.copy = 'ready';
    this.#tell();
    this.#wake.wake();
  }

  async #recover(state: TargetState): Promise<void> {
    this.#view.state = state;
    if (state !== 'held' && state !== 'owner') return;
    const complete = await Promise.all(this.#members.map((member) => member.relocate()));
    this.#view.copy = complete.every(Boolean) ? 'ready' : 'lost';
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#view.state === 'owner' || this.#view.state === 'discarded') return;
    this.#cause ??= toCause(error);
    this.#view.copy = 'lost';
    this.#wake.wake();
    return Promise.resolve();
  }

  async #resolve(): Promise<TargetOutcome> {
    const stop = new AbortController();
    const asking = this.#askOutside(stop.signal);
    try {
      for (;;) {
        const changed = this.#wake.next();
        const { action, reason } = decideTarget(this.#view);
        if (action === 'finished') break;
        if (this.#left) throw workerEnds();
        if (action === 'wait') await changed;
        else await this.#act(action, reason);
      }
    } finally {
      stop.abort();
      await asking;
    }
    const state = this.#view.state === 'owner' ? 'owner' : 'discarded';
    if (state === 'owner') await this.#settle();
    void this.#talk.report(state);
    return {
      state,
      reason: this.#reason,
      causes: this.#cause ? [this.#cause] : [],
      phases: this.clock.list(),
    };
  }

  /** The compute serves already: a failure here is for the log, not for the transfer. */
  async #settle(): Promise<void> {
    try {
      await Promise.all(this.#members.map((member) => member.settle()));
    } catch (error) {
      this.#deps.log('the arrival could not be cleaned up', {
        transfer: this.request.transfer,
        error: String(error),
      });
    }
  }

  async #act(action: 'own' | 'open' | 'discard', reason: string): Promise<void> {
    this.#deps.log('target', { transfer: this.request.transfer, state: this.#view.state, action, reason });
    switch (action) {
      case 'own':
        if (this.#withdrawn) await Promise.all(this.#members.map((member) => member.attach()));
        // THE COMMIT POINT: once this record is on disk there is only forward.
        await this.clock.time('handOver', () => this.#enter('owner', reason));
        await this.#failpoints?.hit('target.owner');
        return;
      case 'open':
        await this.clock.time('unplug', () => this.#untilDone('opening', (member) => member.open()));
        await this.#failpoints?.hit('target.live');
        this.#view.copy = 'open';
        this.#live = true;
        this.#tell();
        return;
      case 'discard':
        this.#discarding = true;
        await this.#untilDone('discard', (member) => member.discard());
        await this.#enter('discarded', this.#cause?.message ?? reason);
        await this.#failpoints?.hit('target.discarded');
        this.#tell();
        return;
    }
  }

  #untilDone(step: string, work: (member: TargetPart) => Promise<void>): Promise<void> {
    return untilDone(
      () => Promise.all(this.#members.map(work)),
      (error) => {
        if (this.#left) throw workerEnds();
        this.#deps.log(`a ${step} is tried again`, { transfer: this.request.transfer, error: String(error) });
      },
    );
  }

  async #enter(state: TargetState, reason: string): Promise<void> {
    if (this.#left) throw workerEnds();
    this.#reason = reason;
    await this.#journal.append({
      role: 'target',
      state,
      reason,
      transfer: this.request.transfer,
      group: this.request.group,
      epoch: this.request.epoch,
      peer: this.request.peer,
      computes: this.request.computes,
      at: Date.now(),
    });
    this.#view.state = state;
  }

  /** While the session is gone or nothing happens, asks the source and the control plane, without end. */
  async #askOutside(signal: AbortSignal): Promise<void> {
    const from = performance.now();
    let askedAt = from;
    while (!signal.aborted) {
      await pause(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || this.#left) return;
      if (!this.#withdrawn && this.#view.copy === 'ready' && performance.now() - from > WITHDRAW_MS) {
        this.#withdrawn = true;
        await Promise.all(this.#members.map((member) => member.withdraw()));
      }
      const unmet = !this.#met && this.#view.state === 'none';
      if (this.#session !== null || (unmet && performance.now() - askedAt < UNMET_ASK_EVERY_MS)) continue;
      askedAt = performance.now();
      await Promise.all([this.#askSource(), this.#askControl()]);
    }
  }

  async #askSource(): Promise<void> {
    const { group, epoch } = this.request;
    const answer = await this.#talk.exchange({ role: 'target', group, epoch, status: this.status() });
    const reply = exchangeSchema.safeParse(answer);
    if (reply.success && reply.data.role === 'source') this.hear(reply.data.state);
  }

  async #askControl(): Promise<void> {
    const ready = this.#view.state === 'held' && this.#view.copy === 'ready';
    const verdict = await this.#talk.ask('target', ready ? 'go' : 'verdict');
    if (verdict === null) return;
    this.#view.verdict = verdict;
    this.#wake.wake();
  }

  #tell(): void {
    this.#session?.send({ type: 'status', status: this.status() });
  }
}

/** What is answered about a transfer whose record is final or that was never seen. */
export function silentStatus(state: TargetState, cause: string | null): TargetStatusMessage {
  const trouble = cause === null ? null : { code: 'discarded', message: cause, mend: 'Try again.' };
  return { state, ready: false, live: state === 'owner', trouble, phases: [], heldMs: 0 };
}

/** A request about a transfer that this device does not take part in. */
export function unknownTransfer(transfer: string): DrayageError {
  return new DrayageError({
    code: 'unknownTransfer',
    message: `This device takes no part in transfer ${transfer}.`,
    mend: 'It has ended, or the worker was restarted; the migration shows how it ended.',
  });
}
