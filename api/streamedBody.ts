import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Of archives. */
export const ARCHIVE_TYPES = [
  'application/x-tar',
  'application/octet-stream',
  'application/gzip',
  'application/x-gzip',
];

/** In this scope a body of these types streams in, of any length, and no other is taken: everywhere else it is JSON. */
export function acceptStreams(
  scope: Pick<FastifyInstance, 'addContentTypeParser' | 'removeAllContentTypeParsers'>,
  types = ARCHIVE_TYPES,
): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(types, (_request, payload, done) => {
    done(null, payload);
  });
}

/**
 * Takes in a request's body; the rest of one that is refused is read and dropped: a sender whose connection breaks would not
 * see the answer.
 */
export async function takeBody<T>(request: FastifyRequest, take: (body: Readable) => Promise<T>): Promise<T> {
  // Of an empty one nothing is made.
  const body = (request.body ?? request.raw) as Readable;
  try {
    return await take(body);
  } catch (error) {
    body.unpipe();
    body.resume();
    throw error;
  }
}

/**
 * A request's body as a stream that may be destroyed: the connection stays for the answer. A sender that goes away ends the
 * body without an end; the stream then fails.
 */
export function detached(body: Readable): PassThrough {
  const stream = new PassThrough();
  body.pipe(stream);
  finished(body, { writable: false }).catch((error: unknown) => stream.destroy(error as Error));
  return stream;
}
