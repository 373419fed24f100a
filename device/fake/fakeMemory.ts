import { DrayageError } from '../../core/cause.ts';
import type { MemoryMoves } from '../memory/memoryMoves.ts';
import { RoundEnd } from '../memory/roundEnd.ts';
import type { RoundFigures } from '../memory/stream/memorySession.ts';
import type { Device } from '../device.ts';
import type { Containers } from './containers.ts';
import type { Life } from './life.ts';

const PAGE = 4096;
/** What the link between two fake devices carries, bytes a second: 1 Gbit/s. */
const LINK = 118_000_000;
/** What of a page is left of it on the wire. */
const COMPRESSED = 0.6;
/** A look at all of the memory: bytes a second. */
const SCAN = 3e9;
/** Least time of a round, milliseconds. */
const LEAST_MS = 15;
/** Between two words on how far a round is, milliseconds. */
const TELL_MS = 200;

interface Session {
  memoryBytes: number;
  dirtyBytesPerSecond: number;
  linkBytesPerSecond: number;
  end: RoundEnd;
  lastRoundAt: number | null;
  wireBytes: number;
}

/** Copies memory that there is not: rounds take the time, and have the figures, that a link of 1 Gbit/s would give them. */
export class FakeMemory implements Pick<MemoryMoves, 'open' | 'round' | 'firstRoundEnding' | 'close'> {
  readonly #containers: Containers;
  readonly #life: Life;
  readonly #sessions = new Map<string, Session>();

  constructor(containers: Containers, life: Life) {
    this.#containers = containers;
    this.#life = life;
  }

  async open(
    ...[{ migration, computeIds }, limit]: Parameters<MemoryMoves['open']>
  ): ReturnType<MemoryMoves['open']> {
    await this.#life.takes(40);
    const programs = computeIds.map((id) => this.#running(id).program);
    const memoryBytes = programs.reduce((sum, one) => sum + one.memoryBytes, 0);
    const linkBytesPerSecond = Math.min(LINK, limit ?? LINK);
    const diverges = programs.some(({ told }) => told.FAKE_MOVE === 'abort');
    const dirty = programs.reduce((sum, one) => sum + one.dirtyBytesPerSecond, 0);
    this.#sessions.set(migration, {
      memoryBytes,
      linkBytesPerSecond,
      dirtyBytesPerSecond: diverges ? 10 * linkBytesPerSecond : dirty,
      end: new RoundEnd(memoryBytes),
      lastRoundAt: null,
      wireBytes: 0,
    });
    return {
      tracker: { name: 'content', reason: 'this device is fake' },
      restore: { mode: 'lazy', reason: 'this device is fake' },
      memoryBytes: Math.round(memoryBytes),
      copies: true,
    };
  }

  async round(
    ...[migration, round, , tell]: Parameters<MemoryMoves['round']>
  ): ReturnType<MemoryMoves['round']> {
    const session = this.#sessions.get(migration);
    if (!session) return null;
    const { memoryBytes, dirtyBytesPerSecond, linkBytesPerSecond, end } = session;
    const from = performance.now();
    const since = session.lastRoundAt === null ? null : (from - session.lastRoundAt) / 1000;
    const pages = Math.ceil(
      Math.min(memoryBytes, since === null ? memoryBytes : dirtyBytesPerSecond * since) / PAGE,
    );
    session.lastRoundAt = from;
    const bytes = pages * PAGE;
    const wireBytes = Math.round(bytes * COMPRESSED);
    const scanMs = (memoryBytes / SCAN) * 1000;
    const takes = Math.max(LEAST_MS, scanMs, (wireBytes / linkBytesPerSecond) * 1000);
    end.begin(from);
    for (let done = 0; done < takes;) {
      const step = Math.min(TELL_MS, takes - done);
      await this.#life.takes(step);
      done += step;
      const share = Math.min(1, done / takes);
      end.looked(Math.max(1, share * memoryBytes));
      tell({
        round,
        pages: Math.round(pages * share),
        bytes: Math.round(bytes * share),
        wireBytes: Math.round(wireBytes * share),
        bytesPerSecond: Math.round((wireBytes / takes) * 1000),
      });
    }
    end.end();
    session.wireBytes += wireBytes;
    const figures: RoundFigures = {
      ...{ round, pages, bytes, wireBytes, ms: performance.now() - from, scanMs },
      zeroPages: 0,
      knownPages: 0,
      lookedPages: Math.ceil(memoryBytes / PAGE),
      dirtyPagesPerSecond: since === null ? 0 : dirtyBytesPerSecond / PAGE,
      linkBytesPerSecond,
      leftPages: null,
    };
    return figures;
  }

  async firstRoundEnding(migration: string, ms: number): Promise<void> {
    await this.#sessions.get(migration)?.end.within(ms);
  }

  async close(migration: string): Promise<void> {
    this.#sessions.get(migration)?.end.end();
    this.#sessions.delete(migration);
  }

  /** What the frozen computes have changed since the last round goes over. Resolves with all bytes that were sent for them. */
  async finish(migration: string): Promise<number> {
    const session = this.#sessions.get(migration);
    if (!session) return 0;
    const since = (performance.now() - (session.lastRoundAt ?? performance.now())) / 1000;
    const bytes = Math.min(session.memoryBytes, session.dirtyBytesPerSecond * since) * COMPRESSED;
    await this.#life.takes((bytes / session.linkBytesPerSecond) * 1000);
    session.wireBytes += Math.round(bytes);
    return session.wireBytes;
  }

  #running(computeId: string) {
    const container = this.#containers.find(computeId);
    if (container && container.pid > 0) return container;
    throw new DrayageError({
      code: 'computeNotRunning',
      message: 'The compute does not run on this device.',
      mend: 'Start it first; only a running compute can be moved live.',
    });
  }
}

/** The pages of computes that have come: filled in after a moment, or, where that is told to fail, never. */
export function fakePages(containers: Containers, life: Life): Device['pages'] {
  return {
    expect: () => undefined,
    forget: async () => undefined,
    async filled(_migration, computeId) {
      await life.takes(80);
      const container = containers.find(computeId);
      if (!container) return { state: 'none', pages: 0, ms: 0, reason: '' };
      const { memoryBytes, told } = container.program;
      const pages = Math.ceil(memoryBytes / PAGE);
      if (told.FAKE_MOVE !== 'fillFails') return { state: 'filled', pages, ms: 80, reason: '' };
      if (container.state === 'running') containers.pause(container);
      return { state: 'failed', pages: 0, ms: 80, reason: 'it was told to fail' };
    },
  };
}
