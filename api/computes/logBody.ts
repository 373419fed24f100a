import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { LogEnd, LogLine } from '../../core/logLine.ts';

/** Between two signs of life, milliseconds: readers take a connection that says nothing for minutes as dead. */
const ALIVE_MS = 15_000;

/** A log as lines of JSON. One that is followed says something from time to time: an empty line. */
export function jsonBody(
  items: AsyncIterable<LogLine | LogEnd>,
  { follow }: { follow: boolean },
  failed: (error: unknown) => void,
): Readable {
  const body = new PassThrough();
  const sign = () => {
    if (body.writableLength === 0) body.write('\n');
  };
  const alive = follow ? setInterval(sign, ALIVE_MS) : undefined;
  // The answer begins before the first line is there.
  if (follow) sign();
  const lines = async function* () {
    for await (const item of items) yield `${JSON.stringify(item)}\n`;
  };
  void pipeline(Readable.from(lines()), body)
    .catch(failed)
    .finally(() => clearInterval(alive));
  return body;
}

/** A log as the text that was written, both streams in one. */
export function textBody(
  items: AsyncIterable<LogLine | LogEnd>,
  { timestamps }: { timestamps: boolean },
): Readable {
  const texts = async function* () {
    let begins = true;
    for await (const item of items) {
      if ('end' in item) return;
      const data = Buffer.from(item.data, 'base64');
      // A very long line comes in parts.
      if (timestamps && begins && item.time !== undefined) yield Buffer.from(`${item.time} `);
      yield data;
      begins = data.at(-1) === 10;
    }
  };
  return Readable.from(texts(), { objectMode: false });
}
