import type { Caps } from './evacuation.ts';

/** A move that is under way. */
export interface RunningMove {
  source: string;
  target: string;
  /** What it is going to take from now on, milliseconds. */
  remainingMs: number;
}

/** A move that is to be made. */
export interface ComingMove {
  id: string;
  source: string;
  target: string;
  /** Milliseconds. */
  totalMs: number;
  /** Not before so many milliseconds from now. */
  notBeforeMs?: number;
}

export interface ScheduledMove {
  id: string;
  /** From now, milliseconds. */
  startsInMs: number;
  endsInMs: number;
}

/** Counts moves against the caps. */
class Slots {
  readonly #caps: Caps;
  readonly #used = new Map<string, number>();

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  /** Which cap a move would pass; null when it may start. */
  full(move: { source: string; target: string }): keyof Caps | null {
    const [overall, source, target, link] = keys(move);
    if (this.#of(overall) >= this.#caps.overall) return 'overall';
    if (this.#of(source) >= this.#caps.perSource) return 'perSource';
    if (this.#of(target) >= this.#caps.perTarget) return 'perTarget';
    return this.#of(link) >= this.#caps.perLink ? 'perLink' : null;
  }

  add(move: { source: string; target: string }, count: 1 | -1): void {
    for (const key of keys(move)) this.#used.set(key, this.#of(key) + count);
  }

  #of(key: string): number {
    return this.#used.get(key) ?? 0;
  }
}

function keys({ source, target }: { source: string; target: string }): [string, string, string, string] {
  return ['', `from ${source}`, `to ${target}`, `${source} ${target}`];
}

/** Those of `coming`, in their order, that may start now besides what runs. */
export function startable(
  running: readonly Pick<RunningMove, 'source' | 'target'>[],
  coming: readonly ComingMove[],
  caps: Caps,
): ComingMove[] {
  const slots = new Slots(caps);
  for (const move of running) slots.add(move, 1);
  return coming.filter((move) => {
    if ((move.notBeforeMs ?? 0) > 0 || slots.full(move) !== null) return false;
    slots.add(move, 1);
    return true;
  });
}

/**
 * When each move is going to start and end under the caps: each time that one ends, the first in order that may start does.
 * What runs may pass the caps (a person started it); nothing is started until it does not any more.
 */
export function scheduleMoves(
  running: readonly RunningMove[],
  coming: readonly ComingMove[],
  caps: Caps,
): ScheduledMove[] {
  const slots = new Slots(caps);
  const under: { source: string; target: string; endsAt: number }[] = [];
  for (const move of running) {
    slots.add(move, 1);
    under.push({ source: move.source, target: move.target, endsAt: Math.max(0, move.remainingMs) });
  }
  const scheduled: ScheduledMove[] = [];
  let waiting = [...coming];
  let now = 0;
  while (waiting.length > 0) {
    waiting = waiting.filter((move) => {
      if ((move.notBeforeMs ?? 0) > now || slots.full(move) !== null) return true;
      const endsAt = now + move.totalMs;
      slots.add(move, 1);
      under.push({ source: move.source, target: move.target, endsAt });
      scheduled.push({ id: move.id, startsInMs: now, endsInMs: endsAt });
      return false;
    });
    const next = Math.min(
      ...under.map(({ endsAt }) => endsAt),
      ...waiting.map(({ notBeforeMs = 0 }) => notBeforeMs).filter((at) => at > now),
    );
    if (waiting.length === 0 || !Number.isFinite(next)) break;
    now = next;
    for (const ended of under.filter(({ endsAt }) => endsAt <= now)) {
      slots.add(ended, -1);
      under.splice(under.indexOf(ended), 1);
    }
  }
  return scheduled;
}
