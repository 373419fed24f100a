import type { WriteStream } from 'node:tty';
import { coloured, plain, type Paint } from './paint.ts';

const WIDTH_WITHOUT_TERMINAL = 100;
const WIDEST = 120;
const NARROWEST = 40;

/** Where the demo tells what it does: lines that stay, and on a terminal one below them that changes. */
export class Screen {
  readonly paint: Paint;
  readonly #out: NodeJS.WriteStream;
  #status = '';

  constructor(out: NodeJS.WriteStream, environment: NodeJS.ProcessEnv = process.env) {
    this.#out = out;
    const wantsColours = out.isTTY && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
    this.paint = wantsColours ? coloured : plain;
  }

  /** Columns that may be used; asked anew each time, since a terminal's size changes. */
  get width(): number {
    const columns = (this.#out as Partial<WriteStream>).columns ?? WIDTH_WITHOUT_TERMINAL;
    return Math.max(NARROWEST, Math.min(columns - 1, WIDEST));
  }

  lines(lines: readonly string[]): void {
    this.#erase();
    for (const line of lines) this.#out.write(`${line}\n`);
    this.#draw();
  }

  line(line = ''): void {
    this.lines([line]);
  }

  /** What goes on right now; empty for nothing. Only a terminal shows it. */
  status(text: string): void {
    this.#erase();
    this.#status = text;
    this.#draw();
  }

  #erase(): void {
    if (this.#out.isTTY && this.#status !== '') this.#out.write('\r\u001b[K');
  }

  #draw(): void {
    if (this.#out.isTTY && this.#status !== '')
      this.#out.write(this.paint(this.#status.slice(0, this.width), 'dim'));
  }
}
