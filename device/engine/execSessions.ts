import { type Cause, DrayageError } from '../../core/cause.ts';
import type { Engine, ExecSession } from './types.ts';

/** A person's session is told why it ends; a probe is Drayage's own, and gives way to everything. */
export type SessionKind = 'person' | 'probe';

interface Tracked {
  computeId: string;
  kind: SessionKind;
  session: Promise<ExecSession>;
  endedBy: Cause | null;
}

/** A program inside a compute, and why it was ended if it was. */
export interface OpenSession {
  session: ExecSession;
  /** Null when it ended by itself. */
  endedBy: () => Cause | null;
}

/**
 * What this worker runs inside computes. None of it can be moved (CRIU dumps a compute's own tree of processes), so a move
 * ends it and lets nothing new in until it has ended itself.
 */
export class ExecSessions {
  readonly #engine: Pick<Engine, 'exec'>;
  readonly #open = new Set<Tracked>();
  /** The move that holds a compute. */
  readonly #held = new Map<string, string>();
  /** Computes that are being looked at: no probes. */
  readonly #quiet = new Map<string, number>();
  #beforeHold: (computeIds: string[]) => Promise<void> = () => Promise.resolve();

  constructor(engine: Pick<Engine, 'exec'>) {
    this.#engine = engine;
  }

  /** Starts a program. @throws DrayageError beingMoved, and what the engine says */
  async open(
    computeId: string,
    command: string[],
    options: { tty: boolean; stdin: boolean },
    kind: SessionKind = 'person',
  ): Promise<OpenSession> {
    this.#requireFree(computeId, kind);
    const session = this.#engine.exec(computeId, command, options);
    const tracked: Tracked = { computeId, kind, session, endedBy: null };
    this.#open.add(tracked);
    const forget = () => this.#open.delete(tracked);
    session.then(({ done }) => done.finally(forget)).catch(forget);
    const started = await session;
    // Held while the engine started it: whoever holds it ends it.
    this.#requireFree(computeId, kind);
    return { session: started, endedBy: () => tracked.endedBy };
  }

  /** Whether something may be run inside a compute now. */
  isFree(computeId: string, kind: SessionKind): boolean {
    return !this.#held.has(computeId) && !(kind === 'probe' && this.#quiet.has(computeId));
  }

  /** From now on nothing is run inside these computes, and what runs has ended when this resolves. Twice is as once. */
  async hold(migration: string, computeIds: string[]): Promise<void> {
    for (const id of computeIds) this.#held.set(id, migration);
    await this.#beforeHold(computeIds);
    await this.#end(({ computeId }) => computeIds.includes(computeId));
  }

  /**
   * The same for one compute and its own holder, if nobody has it and nobody uses it; what is held gently gives way to `hold`.
   * @throws DrayageError beingMoved
   */
  async holdGently(holder: string, computeId: string): Promise<void> {
    this.#requireFree(computeId, 'person');
    this.#held.set(computeId, holder);
    await this.#end((tracked) => tracked.computeId === computeId);
  }

  /** Whether a person runs something inside it. */
  isUsed(computeId: string): boolean {
    return [...this.#open].some((tracked) => tracked.computeId === computeId && tracked.kind === 'person');
  }

  /** Does something about computes whenever they are about to be held; that waits for it. */
  beforeHold(action: (computeIds: string[]) => Promise<void>): void {
    this.#beforeHold = action;
  }

  /** The move has ended. */
  release(migration: string): void {
    for (const [id, holder] of this.#held) if (holder === migration) this.#held.delete(id);
  }

  /** No move has this compute, whatever became of an earlier one. */
  letIn(computeId: string): void {
    this.#held.delete(computeId);
  }

  /** Ends a person's sessions in these computes. */
  async endSessions(computeIds: string[]): Promise<void> {
    await this.#end(({ computeId, kind }) => kind === 'person' && computeIds.includes(computeId));
  }

  /** Does `look` while no probe runs in these computes. */
  async withoutProbes<T>(computeIds: string[], look: () => Promise<T>): Promise<T> {
    for (const id of computeIds) this.#quiet.set(id, (this.#quiet.get(id) ?? 0) + 1);
    try {
      await this.#end(({ computeId, kind }) => kind === 'probe' && computeIds.includes(computeId));
      return await look();
    } finally {
      for (const id of computeIds) {
        const left = (this.#quiet.get(id) ?? 1) - 1;
        if (left === 0) this.#quiet.delete(id);
        else this.#quiet.set(id, left);
      }
    }
  }

  async #end(which: (tracked: Tracked) => boolean): Promise<void> {
    const all = [...this.#open].filter(which);
    for (const tracked of all) tracked.endedBy ??= sessionEnded;
    const endings = all.map(async ({ session }) => {
      const started = await session.catch(() => null);
      await started?.end();
    });
    await Promise.all(endings);
  }

  #requireFree(computeId: string, kind: SessionKind): void {
    if (!this.isFree(computeId, kind)) throw new DrayageError(beingMoved, { retryable: true });
  }
}

const beingMoved: Cause = {
  code: 'beingMoved',
  message: 'The compute is being moved to another device, or a snapshot of it is being made.',
  mend: 'Run the command again when that has ended.',
};

const sessionEnded: Cause = {
  code: 'sessionEnded',
  message:
    'The session was ended, for the compute is being moved to another device, or a snapshot is made of it.',
  mend: 'Run the command again when that has ended.',
};
