import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answer, type LinkClient } from '../link/linkClient.ts';

/** HTTP status of a device that has no means to keep what it is sent. */
export const NOT_HERE = 501;

/** The peer has no means to keep what it was sent. */
export class NotHere extends Error {}

/**
 * Sends a stream as one request and waits for the peer's word that all of it is in place.
 * @throws NotHere, or a DrayageError with the peer's words
 */
export async function pushStream(link: LinkClient, path: string, content: Readable): Promise<void> {
  const stream = link.open(path);
  let status = 0;
  stream.once('response', (headers) => (status = Number(headers[':status'])));
  const answered = answer(stream, link.peer).catch((error: unknown) => {
    throw status === NOT_HERE ? new NotHere() : error;
  });
  answered.catch(() => undefined);
  try {
    await pipeline(content, stream);
  } catch (error) {
    // The peer's own words say more than "aborted".
    await answered;
    throw error;
  }
  await answered;
}
