import type { Complain, Conversation } from './conversation.ts';
import type { CounterCheck } from './counterCheck.ts';
import { LineReader } from './lineReader.ts';

/** Increments on the line protocol, each answer checked. */
export class LineConversation implements Conversation {
  readonly #check: CounterCheck;
  readonly #complain: Complain;
  readonly #reader: LineReader;
  #sequence = 0;
  /** The counter's least answer; -1 when nothing is asked. */
  #floor = -1;
  #settling = false;
  #answered = false;

  constructor(check: CounterCheck, complain: Complain) {
    this.#check = check;
    this.#complain = complain;
    this.#reader = new LineReader(
      (sequence, counter) => this.#answer(sequence, counter),
      () => this.#damaged(),
    );
  }

  ask(): string {
    this.#sequence += 1;
    this.#floor = this.#check.highest;
    return `${this.#settling ? 'get' : 'inc'} ${this.#sequence}\n`;
  }

  hear(bytes: Buffer, length: number): boolean {
    this.#answered = false;
    this.#reader.feed(bytes, length);
    return this.#answered;
  }

  lost(asked: boolean): void {
    this.#reader.reset();
    if (asked && !this.#settling) this.#check.leftOpen();
    this.#floor = -1;
  }

  settle(): void {
    this.#settling = true;
  }

  /** Counts as the answer: the next question may do better. */
  #damaged(): void {
    this.#complain('An answer was damaged.');
    this.lost(this.#floor >= 0);
    this.#answered = true;
  }

  #answer(sequence: number, counter: number): void {
    if (this.#floor < 0 || sequence !== this.#sequence) {
      this.#complain(
        `The answer to ${sequence} came ${this.#floor < 0 ? 'unasked' : `instead of that to ${this.#sequence}`}.`,
      );
      return;
    }
    const wrong = this.#settling ? this.#check.settled(counter) : this.#check.counted(counter, this.#floor);
    if (wrong !== null) this.#complain(wrong);
    this.#floor = -1;
    this.#answered = true;
  }
}
