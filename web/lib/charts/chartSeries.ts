import type { Schemas } from '../../../client/createClient.ts';

export interface SampleSeries {
  /** Seconds since 1970. */
  times: number[];
  cpus: (number | null)[];
  memory: (number | null)[];
  disk: (number | null)[];
  received: (number | null)[];
  sent: (number | null)[];
}

/** A gap longer than so many steps is one in which nothing was told; a shorter one is a late sample. */
const LATE_STEPS = 2.5;

/**
 * Samples as lines over the time from `from` to `to` (seconds since 1970). Where the device told nothing for a while the lines
 * break, instead of saying what nobody knows.
 */
export function chartSeries(
  { items, resolutionSeconds }: Schemas['Metrics'],
  { from, to }: { from: number; to: number },
): SampleSeries {
  const series: SampleSeries = { times: [], cpus: [], memory: [], disk: [], received: [], sent: [] };
  if (items.length === 0) return series;
  let last = from;
  add(series, from, null);
  for (const item of items) {
    const at = Date.parse(item.at) / 1_000;
    if (at <= last) continue;
    if (at - last > LATE_STEPS * resolutionSeconds) add(series, last + resolutionSeconds, null);
    add(series, at, item);
    last = at;
  }
  if (to - last > LATE_STEPS * resolutionSeconds) add(series, to, null);
  return series;
}

function add(series: SampleSeries, at: number, item: Schemas['Metrics']['items'][number] | null): void {
  series.times.push(at);
  series.cpus.push(item?.cpus ?? null);
  series.memory.push(item?.memoryBytes ?? null);
  series.disk.push(item?.diskBytes ?? null);
  series.received.push(item?.receivedBytesPerSecond ?? null);
  series.sent.push(item?.sentBytesPerSecond ?? null);
}
