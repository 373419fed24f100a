const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;
/** Clocks differ by that much: neither past nor future, seconds. */
const NOW_SECONDS = 5;

/** Day and time to the second, in the reader's own time and habit. */
export function formatTime(at: string): string {
  return exact.format(new Date(at));
}

/** `now`, `12 sec. ago`, `in 3 hr.`, `yesterday` */
export function formatRelative(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1_000;
  if (Math.abs(seconds) < NOW_SECONDS) return 'now';
  const [unit, length] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? UNITS[3];
  return relative.format(Math.trunc(seconds / length), unit);
}
