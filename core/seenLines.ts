import { createHash } from 'node:crypto';
import { engineTime, type LogLine } from './logLine.ts';

/** Lines of each stream that are remembered. */
const REMEMBERED = 4096;

/** How far the clocks of two devices may be apart, seconds. */
const APART_SECONDS = 60;

interface Seen {
  time: string;
  hash: string;
}

/** Where a log that is read anew is among the lines that were seen. */
interface Place {
  seen: Seen[];
  /** So many of them have come again. */
  again: number;
  /** So many lines have come before the first of them. */
  before: number;
}

/**
 * Which lines of a log were seen, so that a reader that has to begin anew, on the compute's next device perhaps, goes on
 * where it was. A move keeps the order of each stream's lines; the time of those that were logged in it is the target's. So
 * lines are known again by what they say and by their order. In doubt a line is new: twice is better than never.
 */
export class SeenLines {
  readonly #streams = new Map<LogLine['stream'], Seen[]>();
  #places = new Map<LogLine['stream'], Place>();

  /** From when the log has to be read to go on, as the engine takes it; null when nothing was seen. */
  get since(): string | null {
    const times = [...this.#streams.values()].flatMap(([first]) => (first ? [first.time] : []));
    const [earliest] = times.sort();
    return earliest === undefined ? null : engineTime(earliest, APART_SECONDS);
  }

  /** The log is read anew, from `since` on. */
  again(): void {
    this.#places = new Map(
      [...this.#streams].map(([stream, seen]) => [stream, { seen: [...seen], again: 0, before: 0 }]),
    );
  }

  /** Whether the line was not seen before; it is now. */
  isNew(line: LogLine): boolean {
    if (line.time === undefined) return true;
    const seen = { time: line.time, hash: createHash('sha1').update(line.data).digest('base64') };
    const place = this.#places.get(line.stream);
    if (place && isKnown(place, seen)) return false;
    this.#places.delete(line.stream);
    const lines = this.#streams.get(line.stream) ?? [];
    lines.push(seen);
    if (lines.length > REMEMBERED) lines.shift();
    this.#streams.set(line.stream, lines);
    return true;
  }
}

function isKnown(place: Place, { time, hash }: Seen): boolean {
  const expected = place.seen[place.again];
  if (expected === undefined) return false;
  // As long as times are of the same clock, they tell more than words that may be repeated.
  const early = place.again === 0 && time < expected.time;
  if (!early && hash === expected.hash) {
    place.again += 1;
    return true;
  }
  place.before += 1;
  return place.again === 0 && place.before <= REMEMBERED;
}
