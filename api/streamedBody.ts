import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Of archives. */
export const ARCHIVE_TYPES = [
  'application/x-tar',
  'application/octet-stream',
  'application/gzip',
  'application/x-gzip',
];

/** In this scope a body is an archive that streams in: everywhere else it is JSON. */
export function acceptArchives(
  scope: Pick<FastifyInstance, 'addContentTypeParser' | 'removeAllContentTypeParsers'>,
): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(ARCHIVE_TYPES, (_request, payload, done) => {
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
