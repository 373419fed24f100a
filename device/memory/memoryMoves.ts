import type { RestoreMode } from '../../core/chooseRestore.ts';
import { chooseRestore } from '../../core/chooseRestore.ts';
import { chooseTracker, type TrackerName } from '../../core/chooseTracker.ts';
import { DrayageError } from '../../core/cause.ts';
import { findFreezer, pidsOf } from '../checkpoint/cgroupFreezer.ts';
import type { Engine } from '../engine/types.ts';
import { text } from 'node:stream/consumers';
import { pagesAcceptedSchema, type PagesAccepted } from '../../core/linkMessages.ts';
import type { Identity } from '../link/identity.ts';
import { LinkClient } from '../link/linkClient.ts';
import { addressOf, unreachable, type Peer } from '../link/connectTls.ts';
import { Preparations } from '../preparations.ts';
import { measureMemory } from './measureMemory.ts';
import { findNativePrograms } from './nativePrograms.ts';
import { PAGE } from './scan/records.ts';
import { RoundEnd } from './roundEnd.ts';
import { MemorySession, type RoundFigures, type SessionProgress } from './stream/memorySession.ts';
import { MemorySource, type Effort } from './stream/memorySource.ts';
import { probeSoftDirty } from './probeSoftDirty.ts';
import { isWatchable, watchSocket } from './watchSocket.ts';

export interface MemoryMovesDeps {
  engine: Engine;
  identity: () => Identity;
  runDir: string;
}

interface Opening {
  migration: string;
  computeIds: string[];
  target: Peer;
}

/** How the memory of a group of computes is going to move; the activity's MemoryPlan. */
export interface MemoryChoice {
  tracker: { name: TrackerName; reason: string };
  restore: { mode: RestoreMode; reason: string };
  /** Resident memory of all of its processes, bytes. */
  memoryBytes: number;
  /** Whether rounds can be made; if not, CRIU copies all of it, frozen. */
  copies: boolean;
}

/** The source's part of copying memory while computes run: one session a compute, from the first round to the switch. */
export class MemoryMoves {
  readonly #deps: MemoryMovesDeps;
  readonly #sessions = new Map<string, Map<string, MemorySession>>();
  readonly #firstRounds = new Map<string, RoundEnd>();
  readonly #opening = new Preparations();
  #probe: ReturnType<typeof probeSoftDirty> | null = null;

  constructor(deps: MemoryMovesDeps) {
    this.#deps = deps;
  }

  /** The kernel is probed once: what it can do does not change while it runs. */
  async #chooseTracker(helper: boolean, sockets: string[]): Promise<{ name: TrackerName; reason: string }> {
    const { softDirty, words } = await (this.#probe ??= probeSoftDirty());
    const watchable = (await Promise.all(sockets.map(isWatchable))).every(Boolean);
    const { action, reason } = chooseTracker({ softDirty, softDirtyWords: words, watchable, helper });
    return { name: action, reason };
  }

  /** Begins anew: what an earlier attempt had is closed, and one that is under way ended. @throws DrayageError */
  open(input: Opening, limitBytesPerSecond: number | null): Promise<MemoryChoice> {
    return this.#opening.begin(input.migration, (givenUp) => this.#open(input, limitBytesPerSecond, givenUp));
  }

  async #open(
    { migration, computeIds, target }: Opening,
    limitBytesPerSecond: number | null,
    givenUp: AbortSignal,
  ): Promise<MemoryChoice> {
    await this.#closeSessions(migration);
    const native = await findNativePrograms();
    const located = await Promise.all(computeIds.map((id) => this.#locate(id)));
    givenUp.throwIfAborted();
    const memory = await measureMemory(located.flatMap(({ pids }) => pids));
    const tracker = await this.#chooseTracker(
      native.memorySource !== null,
      located.map(({ watch }) => watch),
    );
    const hides = native.criuHide !== null;
    let restore = chooseRestore({ ...memory, pager: true, hides });
    const sessions = new Map<string, MemorySession>();
    this.#sessions.set(migration, sessions);
    try {
      for (const { computeId, ...scanned } of located) {
        const start = () => {
          givenUp.throwIfAborted();
          const source = MemorySource.start(native.memorySource, { ...scanned, tracker: tracker.name });
          // Nobody waits for a target that does not answer once the move was given up.
          givenUp.addEventListener('abort', () => void source.close());
          return source;
        };
        const of = { migration, computeId, target };
        sessions.set(computeId, await this.#openSession(of, restore.action, limitBytesPerSecond, start));
      }
      givenUp.throwIfAborted();
      this.#firstRounds.set(migration, new RoundEnd(memory.residentBytes));
    } catch (error) {
      await this.#closeSessions(migration);
      if (!(error instanceof DrayageError) || error.cause_.code !== 'noPager') throw error;
      restore = chooseRestore({ ...memory, pager: false, hides });
    }
    return {
      tracker,
      restore: { mode: restore.action, reason: restore.reason },
      memoryBytes: memory.residentBytes,
      copies: this.#sessions.has(migration),
    };
  }

  /** One pass over all computes of the group, one after the other. */
  async round(
    migration: string,
    round: number,
    effort: Effort,
    progress: (now: SessionProgress) => void,
  ): Promise<RoundFigures | null> {
    const end = this.#firstRounds.get(migration);
    end?.begin(performance.now());
    const all: RoundFigures[] = [];
    try {
      for (const session of this.#sessions.get(migration)?.values() ?? []) {
        const done = sum(all);
        all.push(
          await session.round(round, effort, (now, lookedPages) => {
            end?.looked((lookedPages + (done?.lookedPages ?? 0)) * PAGE);
            progress({
              ...now,
              pages: now.pages + (done?.pages ?? 0),
              bytes: now.bytes + (done?.bytes ?? 0),
              wireBytes: now.wireBytes + (done?.wireBytes ?? 0),
            });
          }),
        );
      }
    } finally {
      end?.end();
    }
    return sum(all);
  }

  /** Resolves when the first round is expected to be over within `ms`; at once when there is none, or none any more. */
  async firstRoundEnding(migration: string, ms: number): Promise<void> {
    await this.#firstRounds.get(migration)?.within(ms);
  }

  /** Null: its memory is copied by CRIU's images, frozen. */
  session(migration: string, computeId: string): MemorySession | null {
    return this.#sessions.get(migration)?.get(computeId) ?? null;
  }

  /** Ends helpers and connections of a move, also those that are only being begun. Nothing there is no error. */
  async close(migration: string): Promise<void> {
    await this.#opening.end(migration);
    await this.#closeSessions(migration);
  }

  async #closeSessions(migration: string): Promise<void> {
    const sessions = this.#sessions.get(migration);
    this.#sessions.delete(migration);
    this.#firstRounds.get(migration)?.end();
    this.#firstRounds.delete(migration);
    await Promise.all([...(sessions?.values() ?? [])].map((session) => session.close()));
  }

  /** Asks the target to keep the pages, then connects to where it takes them. */
  async #openSession(
    { migration, computeId, target }: { migration: string; computeId: string; target: Peer },
    restore: RestoreMode,
    limitBytesPerSecond: number | null,
    startSource: () => MemorySource,
  ): Promise<MemorySession> {
    const identity = this.#deps.identity();
    const { port, token } = await askForPages(
      identity,
      target,
      `/v1/memory/${migration}/${computeId}/${restore}`,
    );
    const peer = { id: target.id, linkAddress: `${addressOf(target).host}:${port}` };
    return MemorySession.open(restore, startSource(), { identity, peer, token, limitBytesPerSecond });
  }

  async #locate(
    computeId: string,
  ): Promise<{ computeId: string; cgroupProcs: string; pids: number[]; watch: string }> {
    const facts = await this.#deps.engine.facts(computeId);
    if (!facts || facts.pid === 0)
      throw new DrayageError({
        code: 'computeNotRunning',
        message: 'The compute does not run on this device.',
        mend: 'Start it first; only a running compute can be moved live.',
      });
    const freezer = await findFreezer(facts.pid);
    return {
      computeId,
      cgroupProcs: `${freezer.directory}/cgroup.procs`,
      pids: await pidsOf(freezer),
      watch: await watchSocket(this.#deps.runDir, computeId),
    };
  }
}

/** @throws DrayageError when the target cannot be reached, or cannot keep pages (`noPager`) */
async function askForPages(identity: Identity, target: Peer, path: string): Promise<PagesAccepted> {
  const link = await LinkClient.connect(identity, target);
  try {
    const stream = link.open(path);
    stream.end();
    const status = await new Promise<number>((resolve, reject) => {
      stream.once('response', (headers) => resolve(Number(headers[':status'])));
      stream.once('close', () => reject(unreachable(target, 'the connection ended')));
    });
    if (status === 200) return pagesAcceptedSchema.parse(JSON.parse(await text(stream)));
    throw new DrayageError({
      code: status === 501 ? 'noPager' : 'memoryRefused',
      message: `Device ${target.id} cannot keep pages of memory (status ${status}).`,
      mend: 'Build the native helpers on it; see its log.',
    });
  } finally {
    link.close();
  }
}

/** The figures of several computes that moved one after the other, as those of one. */
function sum(all: RoundFigures[]): RoundFigures | null {
  const [first, ...others] = all;
  if (!first) return null;
  return others.reduce(
    (total, one) => ({
      round: total.round,
      pages: total.pages + one.pages,
      bytes: total.bytes + one.bytes,
      wireBytes: total.wireBytes + one.wireBytes,
      ms: total.ms + one.ms,
      scanMs: total.scanMs + one.scanMs,
      zeroPages: total.zeroPages + one.zeroPages,
      knownPages: total.knownPages + one.knownPages,
      lookedPages: total.lookedPages + one.lookedPages,
      dirtyPagesPerSecond: total.dirtyPagesPerSecond + one.dirtyPagesPerSecond,
      linkBytesPerSecond: one.linkBytesPerSecond ?? total.linkBytesPerSecond,
      leftPages: total.leftPages === null || one.leftPages === null ? null : total.leftPages + one.leftPages,
    }),
    first,
  );
}
