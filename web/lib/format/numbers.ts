import { formatBytes } from '../../../core/memorySize.ts';

export { formatBytes };

const counts = new Intl.NumberFormat('en');
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `12,345` */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** `1.5 MiB/s` */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** A share of one as `42 %`. */
export function formatShare(share: number): string {
  return `${String(Math.round(share * 100))} %`;
}

/** Processors, or parts of one: `0.25`, `4`. */
export function formatCpus(cpus: number): string {
  return String(Number(cpus.toFixed(2)));
}

/** A duration in the two units that matter: `97.1 ms`, `2.4 s`, `3 min 5 s`, `1 d 2 h`. */
export function formatDuration(ms: number): string {
  if (ms < 99.95) return `${ms.toFixed(1)} ms`;
  if (ms < SECOND) return `${ms.toFixed(0)} ms`;
  if (ms < 99_950) return `${(ms / SECOND).toFixed(1)} s`;
  const units = [
    ['d', DAY],
    ['h', HOUR],
    ['min', MINUTE],
    ['s', SECOND],
  ] as const;
  const first = units.findIndex(([, length]) => ms >= length);
  let left = Math.round(ms / SECOND) * SECOND;
  const parts = units.slice(first, first + 2).map(([unit, length]) => {
    const count = Math.floor(left / length);
    left -= count * length;
    return [count, unit] as const;
  });
  return parts
    .filter(([count], at) => at === 0 || count > 0)
    .map(([count, unit]) => `${String(count)} ${unit}`)
    .join(' ');
}
