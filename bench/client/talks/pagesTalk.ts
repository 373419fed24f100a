import type { Complain } from '../../../lab/demo/client/conversation.ts';
import type { Talk } from './talk.ts';
import { TextReader } from './textReader.ts';

/** Has random pages checked by the program `pages` (lab/programs/pages.c), which knows what has to be in them. */
export class PagesTalk implements Talk {
  readonly #complain: Complain;
  readonly #reader = new TextReader();
  #sequence = 0;

  constructor(complain: Complain) {
    this.#complain = complain;
  }

  ask(): string {
    this.#sequence += 1;
    return `get ${this.#sequence}\n`;
  }

  hear(bytes: Buffer, length: number): boolean {
    this.#reader.feed(bytes, length);
    const line = this.#reader.until('\n');
    if (line === null) return false;
    if (!line.startsWith(`${this.#sequence} ok `)) this.#complain(line);
    return true;
  }

  lost(): void {
    this.#reader.reset();
  }
}
