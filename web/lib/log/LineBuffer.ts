import type { LogLine } from './readLines.ts';

/** The most that is kept of a line that is written without end, characters. */
const LINE_MAX = 16_384;

export interface ShownLine {
  /** Counted from 0 on for as long as the buffer is there. */
  id: number;
  /** Null in what devices of earlier versions say. */
  time: string | null;
  stream: LogLine['stream'];
  text: string;
}

interface Open {
  decoder: TextDecoder;
  /** What has come of a line that has not ended yet. */
  text: string;
  time: string | null;
}

/** Makes lines of a log's entries, of which a very long line has several. One after another goes on counting. */
export class LineJoiner {
  #next: number;
  readonly #open: Record<LogLine['stream'], Open> = { stdout: opened(), stderr: opened() };

  constructor(before?: LineJoiner) {
    this.#next = before === undefined ? 0 : before.#next;
  }

  /** The line that an entry ends; null: it goes on. */
  add({ time, stream, data }: LogLine): ShownLine | null {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const open = this.#open[stream];
    const ends = bytes.at(-1) === 10;
    if (open.text === '') open.time = time ?? null;
    open.text += open.decoder.decode(bytes, { stream: !ends });
    if (!ends && open.text.length < LINE_MAX) return null;
    const line = { id: this.#next, time: open.time, stream, text: lastWritten(open.text) };
    this.#next += 1;
    open.text = '';
    return line;
  }
}

const opened = (): Open => ({ decoder: new TextDecoder(), text: '', time: null });

/** As a terminal shows it: what stands behind the last return of the carriage. */
function lastWritten(text: string): string {
  const line = text.replace(/\r*\n$/, '');
  return line.slice(line.lastIndexOf('\r') + 1);
}

/** The newest so many of two lists, one behind the other. */
export function keepNewest<T>(before: readonly T[], added: readonly T[], most: number): readonly T[] {
  if (added.length >= most) return added.slice(-most);
  return before.slice(Math.max(0, before.length + added.length - most)).concat(added);
}
