/** More than any answer of the sample, bytes. */
const CAPACITY = 4_096;
const HEAD_END = Buffer.from('\r\n\r\n');

export interface HttpAnswer {
  status: number;
  body: string;
}

/** Takes HTTP/1.1 answers with a Content-Length out of a stream of bytes, in whatever pieces they come. */
export class HttpReader {
  readonly #held = Buffer.alloc(CAPACITY);
  #length = 0;

  /** The answers that these bytes make whole. @throws Error when they are no such answers */
  feed(bytes: Uint8Array, length: number): HttpAnswer[] {
    if (this.#length + length > CAPACITY) throw new Error(`an answer of more than ${CAPACITY} bytes`);
    this.#held.set(bytes.subarray(0, length), this.#length);
    this.#length += length;
    const answers: HttpAnswer[] = [];
    for (let answer = this.#next(); answer !== null; answer = this.#next()) answers.push(answer);
    return answers;
  }

  /** Forgets half an answer, for a new connection. */
  reset(): void {
    this.#length = 0;
  }

  #next(): HttpAnswer | null {
    const held = this.#held.subarray(0, this.#length);
    const headLength = held.indexOf(HEAD_END);
    if (headLength < 0) return null;
    const head = held.toString('latin1', 0, headLength);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
    const bodyLength = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (status === undefined || bodyLength === undefined)
      throw new Error(`an answer that begins with ${JSON.stringify(head.slice(0, 60))}`);
    const bodyAt = headLength + HEAD_END.length;
    const end = bodyAt + Number(bodyLength);
    if (end > this.#length) return null;
    const body = held.toString('utf8', bodyAt, end);
    held.copyWithin(0, end);
    this.#length -= end;
    return { status: Number(status), body };
  }
}
