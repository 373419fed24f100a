import type { Complain } from '../../../lab/demo/client/conversation.ts';
import { HttpReader, type HttpAnswer } from '../../../lab/demo/client/httpReader.ts';
import type { Talk } from './talk.ts';

/** `GET /` on a connection that is kept: each answer has to be what the first one was. */
export class HttpTalk implements Talk {
  readonly #request: string;
  readonly #complain: Complain;
  readonly #reader = new HttpReader();
  #first: string | null = null;

  constructor(host: string, complain: Complain) {
    this.#request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    this.#complain = complain;
  }

  ask(): string {
    return this.#request;
  }

  hear(bytes: Buffer, length: number): boolean {
    let answer: HttpAnswer | undefined;
    try {
      [answer] = this.#reader.feed(bytes, length);
    } catch (error) {
      this.#reader.reset();
      this.#complain((error as Error).message);
      return true;
    }
    if (answer === undefined) return false;
    this.#first ??= answer.body;
    if (answer.status !== 200 || answer.body !== this.#first)
      this.#complain(`${answer.status} ${answer.body}`);
    return true;
  }

  lost(): void {
    this.#reader.reset();
  }
}
