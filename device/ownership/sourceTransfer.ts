import { DrayageError, type Cause } from '../../core/cause.ts';
import {
  fromTargetSchema,
  targetStatusSchema,
  type FromSource,
  type FromTarget,
  type TargetStatusMessage,
} from '../../core/linkMessages.ts';
import type { Phase, Progress, Round } from '../../core/migration.ts';
import {
  answerAbort,
  decideSource,
  type AbortAction,
  type Decision,
  type SourceState,
  type SourceView,
} from '../../core/ownership.ts';
import { toCause } from '../../core/toCause.ts';
import type { SwitchOptions } from '../../core/memoryInput.ts';
import { ClosingRounds } from '../memory/closingRounds.ts';
import { LinkClient, SILENCE_MS } from '../link/linkClient.ts';
import { collectGarbage } from '../collectGarbage.ts';
import { Failpoints, type Failpoint } from '../failpoints.ts';
import { LineChannel } from '../link/lineChannel.ts';
import type { Journal, JournalRecord } from './journal.ts';
import type { SourcePart } from './members.ts';
import { PhaseClock } from './phaseClock.ts';
import type { TransferDeps, TransferRequest } from './ports.ts';
import { TransferTalk } from './transferTalk.ts';
import { untilDone } from './untilDone.ts';
import { WakeUp } from './wakeUp.ts';
import { within } from './within.ts';
import { setTimeout as pause } from 'node:timers/promises';
import type { Manifest } from '../../core/linkMessages.ts';
import { patient } from '../patience.ts';
import { linkGone, switchTrouble, workerEnds } from './linkTrouble.ts';

/** How a transfer ended on its source. */
export interface SourceOutcome {
  /** `released`: the compute runs on the target. `thawed`: it runs here. `refused`: it was never frozen. */
  state: 'released' | 'thawed' | 'refused';
  reason: string;
  causes: Cause[];
  phases: Phase[];
  /** Last instruction here to first on the target, milliseconds; null when it never ran there. */
  frozenMs: number | null;
  wireBytes: number;
  /** Answers of the target that were waited for in the hot window. */
  roundTrips: number;
  /** Of the memory, right before the freeze. */
  rounds: Round[];
  /** What the freeze was expected to cost and to send, just before it; null when no round was made. */
  predicted: { freezeMs: number; wireBytes: number } | null;
}

/** A target that does not get ready in this time makes the source ask for an end, milliseconds. It decides nothing. */
const READY_MS = patient(30_000);
/** How often the target and the control plane are asked while the session is gone, milliseconds. */
const ASK_EVERY_MS = 300;

/**
 * The source's side of one transfer: the only thing on this device that freezes, hands over, thaws or kills its computes.
 * Activities attach to it through `done`; none of them drives it.
 */
export class SourceTransfer {
  readonly request: TransferRequest;
  /** Everything of the hot window is started and waits. */
  readonly armed: Promise<void>;
  readonly done: Promise<SourceOutcome>;
  readonly clock: PhaseClock;
  readonly #deps: TransferDeps;
  readonly #journal: Journal;
  readonly #members: SourcePart[];
  readonly #talk: TransferTalk;
  readonly #wake = new WakeUp();
  #view: SourceView = { state: 'frozen', target: null, verdict: 'none', trouble: null, dumped: false };
  #causes: Cause[] = [];
  #link: LinkClient | null = null;
  #session: LineChannel<FromTarget, FromSource> | null = null;
  #manifest: Manifest = { computes: [] };
  #announced = new WakeUp();
  #failpoints: Failpoints | null = null;
  #frozenAt = 0;
  #readyAt = 0;
  #heldMs = 0;
  #roundTrips = 0;
  #reason = '';
  #finished = false;
  #left = false;
  #refused = false;
  /** Rejects as soon as there is trouble: nothing that takes its time is waited for any longer. */
  readonly #stopped: Promise<never>;
  #stop!: (why: Error) => void;
  /** Resolves when the time to freeze has come. */
  readonly #asked: Promise<SwitchOptions>;
  #ask!: (options: SwitchOptions) => void;
  /** Another state was taken. */
  readonly #stepped = new WakeUp();
  #closing: ClosingRounds | null = null;

  private constructor(
    deps: TransferDeps,
    request: TransferRequest,
    journal: Journal,
    arm: (self: SourceTransfer) => Promise<void>,
    run: (self: SourceTransfer) => Promise<SourceOutcome>,
  ) {
    this.#deps = deps;
    this.request = request;
    this.#journal = journal;
    this.#talk = new TransferTalk(deps, request);
    this.clock = new PhaseClock();
    this.#members = request.computes.map((spec) => deps.members.source(request, spec));
    this.#stopped = new Promise((_, reject) => (this.#stop = reject));
    this.#stopped.catch(() => undefined);
    this.#asked = new Promise((resolve) => (this.#ask = resolve));
    this.armed = arm(this);
    this.armed.catch(() => undefined);
    this.done = run(this);
    this.done.catch(() => undefined);
  }

  /** Begins a transfer: arms, then waits for `freeze`. */
  static begin(deps: TransferDeps, request: TransferRequest, journal: Journal): SourceTransfer {
    const arm = (self: SourceTransfer) => self.#arm();
    return new SourceTransfer(deps, request, journal, arm, (self) => self.#run());
  }

  /** Takes up a transfer that an earlier worker left in the journal. */
  static recover(
    deps: TransferDeps,
    request: TransferRequest,
    journal: Journal,
    record: JournalRecord & { role: 'source' },
  ): SourceTransfer {
    const armed = () => Promise.resolve();
    return new SourceTransfer(deps, request, journal, armed, (self) => self.#recover(record));
  }

  /** What has been armed goes on: last rounds, freeze, hand-over. Asked again, nothing changes. */
  freeze(options: SwitchOptions): void {
    this.#ask(options);
  }

  get state(): SourceState {
    return this.#view.state;
  }

  /** What the target says of itself, by whichever way it comes. */
  hear(status: TargetStatusMessage): void {
    const first = status.ready && !this.#view.target?.ready;
    if (first && this.#readyAt === 0) {
      this.#readyAt = this.clock.now();
      this.#heldMs = status.heldMs;
    }
    this.#view.target = status;
    if (status.trouble && !this.#causes.some(({ message }) => message === status.trouble?.message))
      this.#causes.push(status.trouble);
    this.#wake.wake();
  }

  /** Asks for an end before the commit point; the protocol decides whether it is still possible. */
  abort(cause: Cause): void {
    if (this.#view.trouble === null && answerAbort(this.#view.state).action === 'wait') {
      this.#view.trouble = cause.message;
      this.#causes.push(cause);
      this.#stop(new DrayageError(cause));
    }
    this.#wake.wake();
  }

  /** This worker ends: it begins no further step. What the journal says is the next one's to take up. */
  leave(): void {
    this.#left = true;
    this.#talk.end();
    this.#stop(workerEnds());
    this.#link?.close();
    this.#wake.wake();
  }

  /** How an abort comes out, once that is certain. @throws when this device cannot go on with the transfer */
  async aborted(): Promise<Decision<AbortAction>> {
    for (;;) {
      const stepped = this.#stepped.next();
      const answer = answerAbort(this.#refused ? 'unbegun' : this.#view.state);
      if (answer.action !== 'wait') return answer;
      await Promise.race([stepped, this.done]);
    }
  }

  async #run(): Promise<SourceOutcome> {
    try {
      await this.armed;
      const options = await this.#unlessStopped(this.#asked);
      const link = this.#link ?? (await this.#connect());
      const refreshed = each(this.#members, (member) => member.refresh(link));
      await this.#unlessStopped(Promise.all([this.#openSession(link), refreshed]));
      this.#goOn();
      await this.#unlessStopped(this.#closingRounds(options).run());
      await this.#enter('frozen', 'all is armed');
    } catch (error) {
      if (this.#left) throw workerEnds();
      await this.#disarm();
      this.#refused = true;
      this.#stepped.wake();
      return this.#outcome('refused', toCause(error));
    }
    try {
      await this.#window();
    } catch (error) {
      this.abort(switchTrouble(error));
    }
    return this.#resolve();
  }

  async #recover(record: JournalRecord & { role: 'source' }): Promise<SourceOutcome> {
    this.#view.state = record.state;
    if (record.state === 'frozen' || record.state === 'offered') {
      this.abort({
        code: 'workerRestarted',
        message: 'The worker of the source device ended during the switch.',
        mend: 'Try again; the compute was not harmed.',
      });
    }
    await Promise.all(this.#members.map((member) => member.relocate()));
    return this.#resolve();
  }

  /** Rounds may go on for a while after this: a connection that is lost meanwhile is made again. */
  async #arm(): Promise<void> {
    await Promise.all([
      this.#connect().catch(() => undefined),
      each(this.#members, (member) => member.arm()),
    ]);
    collectGarbage();
  }

  async #connect(): Promise<LinkClient> {
    const link = await LinkClient.connect(this.#deps.identity(), this.request.peer);
    this.#link = link;
    void link.closed.then(() => {
      if (this.#link === link) this.#link = null;
    });
    return link;
  }

  #closingRounds(options: SwitchOptions): ClosingRounds {
    const { migration } = this.request;
    const { memory, control } = this.#deps;
    const post = (now: Progress) => control.progress(migration, now);
    return (this.#closing = new ClosingRounds(memory, migration, options, post));
  }

  async #openSession(link: LinkClient): Promise<void> {
    this.#failpoints = await Failpoints.load(this.#deps.runDir);
    const armed = new WakeUp();
    this.#session = new LineChannel(link.open(this.#path('session')), fromTargetSchema, (message) => {
      if (message.type === 'armed') armed.wake();
      else if (message.type === 'announced') this.#announced.wake();
      else this.hear(message.status);
    });
    void link.closed.then(() => this.#lost());
    await within(armed.next(), SILENCE_MS, 'the target did not take part in the transfer');
  }

  /**
   * The hot window up to the offer. Every process in it was started before it; nothing in it asks the engine. Trouble ends it
   * between two steps, never within one that changes the compute or its network: a thaw takes back what was done.
   */
  async #window(): Promise<void> {
    const members = this.#members;
    const neighbours = Object.fromEntries(
      await Promise.all(members.map(async (member) => [member.spec.id, await member.neighbours()] as const)),
    );
    this.#goOn();
    this.#frozenAt = this.clock.now();
    await this.clock.time('freeze', () => each(members, (member) => member.freeze()));
    await this.clock.time('plug', async () => {
      await each(members, (member) => member.mute());
      const announced = this.#announced.next();
      this.#send({ type: 'announce', neighbours });
      await this.#reply(announced, 'the target did not announce the address');
      await each(members, (member) => member.detach());
    });
    await this.#hold('source.frozen');
    const dumpFrom = this.clock.now();
    let dumpTo = dumpFrom;
    const open = (path: string) => this.#needLink().open(this.#path(path));
    this.#manifest = {
      computes: await this.#unlessStopped(
        Promise.all(members.map((member) => member.send(open, () => (dumpTo = this.clock.now())))),
      ),
    };
    this.clock.add('dump', dumpFrom, dumpTo);
    // The target restores meanwhile; it is not ready before it has all of this.
    void each(members, (member) => member.memorySent())
      .catch((error: unknown) => this.abort(switchTrouble(error)))
      .finally(() => this.clock.add('transfer', dumpFrom, this.clock.now()));
    await this.#hold('source.dumped');
    this.#view.dumped = true;
  }

  /** Steps through the protocol until it is over, whoever has to be asked for that. */
  async #resolve(): Promise<SourceOutcome> {
    const stop = new AbortController();
    const asking = this.#askOutside(stop.signal);
    try {
      for (;;) {
        const changed = this.#wake.next();
        const { action, reason } = decideSource(this.#view);
        if (action === 'finished') break;
        if (this.#left) throw workerEnds();
        if (action === 'wait') await changed;
        else await this.#act(action, reason);
      }
    } finally {
      this.#finished = true;
      stop.abort();
      await asking;
    }
    const released = this.#view.state === 'released';
    const link = this.#link;
    // Those that were opened since the last time. What is sent of them meanwhile is sent again.
    const handedOn =
      released && link !== null ? each(this.#members, (member) => member.sendFlows(link)) : null;
    if (released) await this.#untilDone('kill', (member) => member.kill());
    await handedOn;
    // Without its session it was away: the workflow may have ended meanwhile, and what that clears is owed.
    if (released && this.#session === null) await this.#untilDone('clear', (member) => member.clear());
    const outcome = this.#outcome(released ? 'released' : 'thawed');
    void this.#talk.report(released ? 'released' : 'thawed');
    this.#link?.close();
    return outcome;
  }

  async #act(action: 'thaw' | 'offer' | 'abort' | 'handOver' | 'release', reason: string): Promise<void> {
    this.#deps.log('source', { transfer: this.request.transfer, state: this.#view.state, action, reason });
    switch (action) {
      case 'offer':
        await this.#enter('offered', reason);
        await this.#hold('source.offered').catch(() => undefined);
        // Who is going to ask for it back does not give it away first.
        if (this.#view.trouble !== null) return;
        this.#send({ type: 'manifest', manifest: this.#manifest });
        this.#roundTrips += 1;
        void pause(READY_MS, undefined, { ref: false }).then(() => this.#tooLong());
        return;
      case 'abort':
        await this.#enter('aborting', reason);
        this.#tell();
        return;
      case 'handOver':
        await this.#enter('handed', reason);
        await this.#failpoints?.hit('source.handed');
        this.#tell();
        await this.#failpoints?.hit('source.go');
        return;
      case 'release':
        await this.#enter('released', reason);
        return;
      case 'thaw':
        if (this.#view.state !== 'thawing') await this.#enter('thawing', reason);
        await this.#untilDone('thaw', (member) => member.thaw());
        await this.#enter('thawed', reason);
        this.#tell();
        return;
    }
  }

  #untilDone(step: string, work: (member: SourcePart) => Promise<void>): Promise<void> {
    return untilDone(
      () => each(this.#members, work),
      (error) => {
        if (this.#left) throw workerEnds();
        this.#deps.log(`a ${step} is tried again`, { transfer: this.request.transfer, error: String(error) });
      },
    );
  }

  /** Journals a state, then takes it. A journal that cannot be written leaves all as it is: the control plane is asked. */
  async #enter(state: SourceState, reason: string): Promise<void> {
    if (this.#left) throw workerEnds();
    this.#reason = reason;
    await this.#journal.append({
      role: 'source',
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
    this.#stepped.wake();
  }

  /** @throws as soon as there is trouble; `work` then goes on, and what it comes to is not heard */
  #unlessStopped<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#stopped, work]);
  }

  #goOn(): void {
    const [cause] = this.#causes;
    if (this.#view.trouble !== null && cause) throw new DrayageError(cause);
  }

  async #hold(point: Failpoint): Promise<void> {
    this.#goOn();
    if (this.#failpoints) await this.#unlessStopped(this.#failpoints.hit(point));
  }

  #lost(): void {
    this.#session = null;
    if (this.#finished) return;
    if (this.#view.state === 'frozen' || this.#view.state === 'offered') this.abort(linkGone().cause_);
    this.#announced.wake();
    this.#wake.wake();
  }

  #tooLong(): void {
    if (this.#view.state === 'offered')
      this.abort({
        code: 'restoreTimedOut',
        message: `The target was not ready ${READY_MS / 1000} s after it had everything.`,
        mend: 'Look for load on the target device, then try again.',
      });
  }

  /** While the session is gone or an answer is overdue, asks the target by itself and the control plane, without end. */
  async #askOutside(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || this.#left) return;
      const state = this.#view.state;
      const overdue = state === 'aborting' || (this.#session === null && state !== 'frozen');
      if (overdue) await Promise.all([this.#askTarget(), this.#askControl()]);
    }
  }

  async #askTarget(): Promise<void> {
    const { group, epoch } = this.request;
    const answer = await this.#talk.exchange({ role: 'source', group, epoch, state: this.#view.state });
    const status = targetStatusSchema.safeParse(answer);
    if (status.success) this.hear(status.data);
  }

  async #askControl(): Promise<void> {
    const verdict = await this.#talk.ask('source', this.#view.state === 'aborting' ? 'abort' : 'verdict');
    if (verdict === null) return;
    this.#view.verdict = verdict;
    this.#wake.wake();
  }

  async #reply(answered: Promise<void>, complaint: string): Promise<void> {
    await this.#unlessStopped(within(answered, SILENCE_MS, complaint));
    this.#roundTrips += 1;
    if (this.#session === null) throw linkGone();
  }

  #tell(): void {
    this.#send({ type: 'state', state: this.#view.state });
  }

  #send(message: FromSource): void {
    this.#session?.send(message);
  }

  #needLink(): LinkClient {
    if (!this.#link || !this.#session) throw linkGone();
    return this.#link;
  }

  #path(rest: string): string {
    return `/v1/transfers/${this.request.transfer}/${rest}`;
  }

  async #disarm(): Promise<void> {
    await each(this.#members, (member) => member.disarm());
    this.#link?.close();
  }

  #outcome(state: SourceOutcome['state'], cause?: Cause): SourceOutcome {
    const gap = this.#readyAt - this.#frozenAt - this.#heldMs;
    return {
      state,
      reason: cause?.message ?? this.#reason,
      causes: cause ? [cause] : this.#causes,
      phases: this.clock.list(),
      frozenMs: state === 'released' && this.#readyAt > 0 ? Math.round(gap * 10) / 10 : null,
      wireBytes: this.#members.reduce((sum, member) => sum + member.sent, 0),
      roundTrips: this.#roundTrips,
      rounds: this.#closing?.rounds ?? [],
      predicted: this.#closing?.predicted ?? null,
    };
  }
}

function each<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  return Promise.all(items.map(work)).then(() => undefined);
}
