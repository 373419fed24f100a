import type { WorkSample } from './client/report.ts';
import type { DeviceMemory } from './memoryWatch.ts';
import type { Step } from './sample.ts';

/** The phase in which pages are copied while the program runs. */
const ROUNDS = 'precopy';

/**
 * The program's own work a second, before the move and while its rounds ran. Null when there were no rounds, or too few
 * looks at it to tell.
 */
export function workRates(
  samples: readonly WorkSample[],
  steps: readonly Step[],
): { before: number; during: number } | null {
  const rounds = steps.find(({ name }) => name === ROUNDS);
  if (rounds === undefined) return null;
  const moveAt = Math.min(...steps.map(({ startedAt }) => startedAt));
  const before = rateWithin(samples, -Infinity, moveAt);
  const during = rateWithin(samples, rounds.startedAt, rounds.startedAt + rounds.ms);
  return before === null || during === null ? null : { before, during };
}

function rateWithin(samples: readonly WorkSample[], from: number, to: number): number | null {
  const within = samples.filter(({ at }) => at >= from && at <= to);
  const [first, last] = [within[0], within.at(-1)];
  if (first === undefined || last === undefined || last.at === first.at) return null;
  return ((last.work - first.work) * 1_000) / (last.at - first.at);
}

/** Looks that count as those before the move: the watch begins well before it. */
const BEFORE = 4;

/**
 * What a move took in memory, bytes. On the source: the most that Drayage's processes and stores had over what they had
 * before. On the target: the most that they and the program had together, over what was there before. Null without looks.
 */
export function memoryFigures(
  source: readonly DeviceMemory[],
  target: readonly DeviceMemory[],
): { sourceExtra: number; targetPeak: number } | null {
  if (source.length <= BEFORE || target.length <= BEFORE) return null;
  return {
    sourceExtra: growth(source.map(({ worker, stores }) => worker + stores)),
    targetPeak: growth(target.map(({ worker, stores, program }) => worker + stores + program)),
  };
}

/** The most of some numbers over the least of the first few. */
function growth(sums: readonly number[]): number {
  return Math.max(0, Math.max(...sums) - Math.min(...sums.slice(0, BEFORE)));
}
