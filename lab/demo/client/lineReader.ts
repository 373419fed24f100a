const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;
const NEWLINE = 0x0a;

/** Takes `SEQ COUNTER\n` out of a stream of bytes, in whatever pieces they come. Makes no objects. */
export class LineReader {
  readonly #onAnswer: (sequence: number, counter: number) => void;
  readonly #onDamage: () => void;
  #sequence = -1;
  #number = -1;
  #damaged = false;

  /** `onDamage` is called once for each line that is none of that form. */
  constructor(onAnswer: (sequence: number, counter: number) => void, onDamage: () => void) {
    this.#onAnswer = onAnswer;
    this.#onDamage = onDamage;
  }

  /** The first `length` bytes of the buffer. */
  feed(bytes: Uint8Array, length: number): void {
    for (let index = 0; index < length; index += 1) this.#take(bytes[index] ?? 0);
  }

  /** Forgets half a line, for a new connection. */
  reset(): void {
    this.#sequence = -1;
    this.#number = -1;
    this.#damaged = false;
  }

  #take(byte: number): void {
    if (byte >= ZERO && byte <= NINE) {
      this.#number = Math.max(this.#number, 0) * 10 + byte - ZERO;
    } else if (byte === SPACE && this.#number >= 0 && this.#sequence < 0) {
      this.#sequence = this.#number;
      this.#number = -1;
    } else if (byte === NEWLINE) {
      const whole = !this.#damaged && this.#sequence >= 0 && this.#number >= 0;
      const [sequence, number] = [this.#sequence, this.#number];
      this.reset();
      if (whole) this.#onAnswer(sequence, number);
      else this.#onDamage();
    } else {
      this.#damaged = true;
    }
  }
}
