import type { Duplex } from 'node:stream';
import type { z } from 'zod';
import { onLines } from '../onLines.ts';

/** Longest line, characters: a manifest of some thousand images. */
const LINE_MAX = 4 * 1024 * 1024;

/** JSON messages, one a line, in both directions of a stream; what comes in is checked by a schema. */
export class LineChannel<In, Out> {
  readonly #stream: Duplex;
  readonly closed: Promise<void>;

  /** A line that is too long or does not fit the schema ends the stream. */
  constructor(stream: Duplex, schema: z.ZodType<In>, onMessage: (message: In) => void) {
    this.#stream = stream;
    this.closed = new Promise((resolve) => stream.once('close', () => resolve()));
    onLines(stream, (line) => this.#receive(line, schema, onMessage), LINE_MAX);
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
