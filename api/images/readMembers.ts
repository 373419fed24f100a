import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { DrayageError } from '../../core/cause.ts';
import { imageRefused } from '../../core/imageArchive.ts';

/** A member's content; it must be read or skipped before the next one comes. */
export type Body = AsyncIterable<Buffer> & { resume(): unknown };

/** A tar is made of these, bytes. */
export const BLOCK = 512;

/** How an image's archive is made. */
export const MAKE_IMAGE = 'Make it with `docker save`, or with tar of a root directory.';

/** Resolves once more can be written. */
export function drained(stream: ReturnType<typeof extract>): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', () => {
      resolve();
    });
  });
}

/**
 * Feeds a tar through `visit`, and checks that it ends as a tar does: with at least one block of zeros. `make` says how a
 * right one is made.
 * @throws DrayageError notATar, truncated, damagedImage, and what `visit` throws
 */
export async function readMembers(
  source: Readable,
  make: string,
  visit: (header: Header, body: Body) => Promise<void>,
): Promise<void> {
  const tar = extract();
  const walked = walk(tar, make, visit);
  walked.catch(() => undefined);
  let bytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      tail = chunk.length >= BLOCK ? chunk.subarray(-BLOCK) : Buffer.concat([tail, chunk]).subarray(-BLOCK);
      if (tar.destroyed) break;
      if (!tar.write(chunk)) await Promise.race([drained(tar), walked]);
    }
    tar.end(null);
    await walked;
  } finally {
    tar.destroy();
  }
  if (bytes === 0) throw imageRefused('notATar', 'The upload is empty.', make);
  if (bytes % BLOCK !== 0 || tail.length < BLOCK || tail.some((byte) => byte !== 0))
    throw imageRefused('truncated', 'The archive is cut off: its end is missing.', 'Copy it again, whole.');
}

/** Shows `visit` every member of what is written to `tar`. @throws as `readMembers` */
export async function walk(
  tar: ReturnType<typeof extract>,
  make: string,
  visit: (header: Header, body: Body) => Promise<void>,
): Promise<void> {
  let members = 0;
  try {
    for await (const entry of tar) {
      members += 1;
      await visit(entry.header, entry as unknown as Body);
    }
  } catch (error) {
    if (error instanceof DrayageError) throw error;
    const { message } = error as Error;
    if (members > 0 && /unexpected end/i.test(message))
      throw imageRefused(
        'truncated',
        'The archive is cut off in the middle of a file.',
        'Copy it again, whole.',
      );
    if (members > 0)
      throw imageRefused(
        'damagedImage',
        `The archive is damaged after its member ${String(members)}.`,
        'Make or copy it again.',
      );
    throw imageRefused('notATar', 'The upload is not a tar archive.', make);
  }
}
