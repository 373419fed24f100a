/** Distances between ticks that people read without counting, milliseconds. */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 6, 12, 24].map((count) => count * HOUR),
];

/** The least round distance with which at most `most` ticks stand on so many milliseconds. */
export function tickStep(ms: number, most: number): number {
  const fits = STEPS.find((step) => ms / step <= Math.max(1, most));
  return fits ?? Math.ceil(ms / Math.max(1, most) / (24 * HOUR)) * 24 * HOUR;
}

/** Round times from 0 to a length, both inclusive where they are round. */
export function ticksOf(ms: number, most: number): number[] {
  if (ms <= 0) return [0];
  const step = tickStep(ms, most);
  // A sum of tenths is off by a little.
  const count = Math.floor(ms / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toFixed(1)));
}

/** `0`, `0.5 ms`, `200 ms`, `1.5 s`, `2 min`, `90 min`: in one unit, as short as it is exact. */
export function formatTick(ms: number): string {
  if (ms === 0) return '0';
  if (ms < SECOND) return `${String(ms)} ms`;
  if (ms < MINUTE) return `${String(ms / SECOND)} s`;
  if (ms % MINUTE !== 0) return `${String(Math.floor(ms / MINUTE))} min ${String((ms % MINUTE) / SECOND)} s`;
  if (ms < 2 * HOUR || ms % HOUR !== 0) return `${String(ms / MINUTE)} min`;
  return `${String(ms / HOUR)} h`;
}
