import type { PassThrough, Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { detached } from '../streamedBody.ts';

/** A body's bytes, unpacked if they were a gzip file, and what unpacks them then. */
interface Unzipped {
  plain: Readable;
  gunzip: Gunzip | null;
}

/** The bytes of a gzip file, or the bytes as they are. */
export async function unzipped(body: Readable): Promise<Unzipped> {
  const source = detached(body);
  const head = await firstBytes(source, 2);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return { plain: source, gunzip: null };
  const gunzip = createGunzip();
  source.once('error', (error) => gunzip.destroy(error));
  return { plain: source.pipe(gunzip), gunzip };
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
