import { LOG_LINE_MAX_CHARACTERS, LOG_MAX_LINES } from '../../core/application.ts';

/** Often enough to follow a build, milliseconds. */
const TELL_MS = 500;

/** What a device says while it builds: told to the control plane piece by piece, in order, from line 0. */
export class BuildLog {
  readonly #tell: (from: number, lines: string[]) => Promise<void>;
  readonly #lines: string[] = [];
  #told = 0;
  #timer: NodeJS.Timeout | null = null;
  #telling = Promise.resolve();

  /** @param tell puts lines into the record, from that line on; what it fails to tell is told with the next piece */
  constructor(tell: (from: number, lines: string[]) => Promise<void>) {
    this.#tell = tell;
  }

  add(line: string): void {
    if (this.#lines.length >= LOG_MAX_LINES) return;
    const last = this.#lines.length === LOG_MAX_LINES - 1;
    // What a terminal would act upon is nobody's to show.
    const plain = line.replaceAll(/\p{Cc}+/gu, ' ').slice(0, LOG_LINE_MAX_CHARACTERS);
    this.#lines.push(last ? '(more is not kept)' : plain);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#send();
    }, TELL_MS);
  }

  /** Tells what is left. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#send();
    await this.#telling;
  }

  #send(): void {
    this.#telling = this.#telling.then(async () => {
      const lines = this.#lines.slice(this.#told);
      if (lines.length === 0) return;
      try {
        await this.#tell(this.#told, lines);
        this.#told += lines.length;
      } catch {
        // The control plane is away: the next piece has these lines too. A build does not fail for its log.
      }
    });
  }
}
