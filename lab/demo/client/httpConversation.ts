import { sampleStatusSchema, type SampleStatus } from '../../sample/sampleProtocol.ts';
import type { Complain, Conversation } from './conversation.ts';
import type { CounterCheck } from './counterCheck.ts';
import { HttpReader, type HttpAnswer } from './httpReader.ts';
import { checkStatus, type TimedStatus } from './statusCheck.ts';

/** `GET /` on a keep-alive connection, each answer checked. */
export class HttpConversation implements Conversation {
  readonly #request: string;
  readonly #complain: Complain;
  readonly #reader = new HttpReader();
  #check: CounterCheck | null = null;
  #last: TimedStatus | null = null;
  #floor = -1;
  #settling = false;

  constructor(host: string, complain: Complain) {
    this.#request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    this.#complain = complain;
  }

  /** The last answer. */
  get status(): SampleStatus | null {
    return this.#last;
  }

  /** From now on the counter is checked too. */
  checkAgainst(check: CounterCheck): void {
    this.#check = check;
  }

  ask(): string {
    this.#floor = this.#check?.highest ?? 0;
    return this.#request;
  }

  hear(bytes: Buffer, length: number, now: number): boolean {
    let answers: HttpAnswer[];
    try {
      answers = this.#reader.feed(bytes, length);
    } catch (error) {
      this.#reader.reset();
      this.#complain(`HTTP: ${(error as Error).message}.`);
      return true;
    }
    for (const answer of answers) this.#answer(answer, now);
    return answers.length > 0;
  }

  lost(): void {
    this.#reader.reset();
    this.#floor = -1;
  }

  settle(): void {
    this.#settling = true;
  }

  #answer({ status, body }: HttpAnswer, now: number): void {
    const unasked = this.#floor < 0;
    const floor = this.#floor;
    this.#floor = -1;
    const parsed = status === 200 ? sampleStatusSchema.safeParse(parseJson(body)) : null;
    if (unasked || parsed?.success !== true) {
      this.#complain(
        `HTTP: ${unasked ? 'an unasked answer' : 'a wrong answer'}: ${status} ${body.slice(0, 200)}`,
      );
      return;
    }
    const timed = { ...parsed.data, now };
    for (const wrong of checkStatus(timed, this.#last)) this.#complain(wrong);
    this.#last = timed;
    const wrong = this.#settling
      ? this.#check?.settled(timed.counter)
      : this.#check?.observed(timed.counter, floor);
    if (wrong != null) this.#complain(wrong);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
