import type { Duplex } from 'node:stream';
import type { z } from 'zod';

/** Longest line, bytes: a manifest of some thousand images. */
const LINE_MAX = 4 * 1024 * 1024;

/** JSON messages, one a line, in both directions of a stream; what comes in is checked by a schema. */
export class LineChannel<In, Out> {
  readonly #stream: Duplex;
  readonly closed: Promise<void>;

  /** A line that is too long or does not fit the schema ends the stream. */
  constructor(stream: Duplex, schema: z.ZodType<In>, onMessage: (message: In) => void) {
    this.#stream = stream;
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      rest += chunk;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_MAX) stream.destroy(new Error('a message is too long'));
      for (const line of lines) this.#receive(line, schema, onMessage);
    });
    stream.on('error', () => undefined);
  }

  send(message: Out): void {
    if (!this.#stream.destroyed && this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }

  end(): void {
    this.#stream.end();
  }

  #receive(line: string, schema: z.ZodType<In>, onMessage: (message: In) => void): void {
    try {
      onMessage(schema.parse(JSON.parse(line)));
    } catch (error) {
      this.#stream.destroy(error as Error);
    }
  }
}
