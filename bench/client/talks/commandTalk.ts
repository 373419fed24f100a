import type { Talk } from './talk.ts';
import { TextReader } from './textReader.ts';

/** One command after the other, each a line that is answered with a line. Nothing is checked. */
export class CommandTalk implements Talk {
  /** What is said next. */
  command = '';
  /** The last answer. */
  answer = '';
  readonly #reader = new TextReader();

  ask(): string {
    return `${this.command}\n`;
  }

  hear(bytes: Buffer, length: number): boolean {
    this.#reader.feed(bytes, length);
    const line = this.#reader.until('\n');
    if (line !== null) this.answer = line.trimEnd();
    return line !== null;
  }

  lost(): void {
    this.#reader.reset();
  }
}
