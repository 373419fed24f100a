import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

/** The bytes of a gzip file, or the bytes as they are. */
export async function unzipped(body: Readable): Promise<Readable> {
  const source = body.pipe(new PassThrough());
  body.once('error', (error) => source.destroy(error));
  // A sender that goes away ends `body` without an end: the readers must hear of it.
  finished(body, { writable: false }).catch((error: unknown) => source.destroy(error as Error));
  const head = await firstBytes(source, 2);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return source;
  const gunzip = createGunzip();
  source.once('error', (error) => gunzip.destroy(error));
  return source.pipe(gunzip);
}

/** Looks at the first bytes of a stream and puts them back. */
async function firstBytes(source: PassThrough, count: number): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < count) {
    const chunk = source.read() as Buffer | null;
    if (chunk !== null) head = Buffer.concat([head, chunk]);
    else if (source.readableEnded || (source.writableFinished && source.readableLength === 0)) break;
    else
      await new Promise<void>((resolve, reject) => {
        const settle = (error?: Error) => {
          source.off('readable', settle).off('end', settle).off('error', settle);
          if (error) reject(error);
          else resolve();
        };
        source.on('readable', settle).on('end', settle).on('error', settle);
      });
  }
  if (head.length > 0) source.unshift(head);
  return head;
}
