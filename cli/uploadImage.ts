import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Body, Client, Schemas } from '../client/createClient.ts';
import { ProblemError } from '../client/problemError.ts';
import { UPLOAD_OFFSET } from '../core/api/images.ts';
import { DrayageError } from '../core/cause.ts';

/** Sent in one request, bytes: little enough that a proxy does not mind. */
const PART_BYTES = 64 * 2 ** 20;
/** First and longest wait before the control plane is asked again, milliseconds. */
const AGAIN_MS = { first: 250, most: 8_000 };
/** So often in a row, without a byte more being there, it may fail: about a minute. */
const ATTEMPTS = 12;

type Request = Omit<Body<'/images/uploads', 'post'>, 'digest' | 'bytes'>;

/**
 * Sends a file in parts and makes an image of it. It goes on by itself after a cut connection or a restart of the control
 * plane, and where an earlier attempt for the same file has ended. `say` is told how far it is.
 * @throws ProblemError when the control plane refuses, DrayageError apiAway when it stays away
 */
export async function uploadImage(
  client: Client,
  file: { path: string; bytes: number },
  request: Request,
  say: (words: string) => void,
): Promise<Schemas['Image']> {
  const { path, bytes } = file;
  const percent = (part: number) => `${String(Math.floor((part / bytes) * 20) * 5)} %`;
  const digest = await digestOf(path, (read) => say(`${percent(read)} read`));
  const patience = new Patience(say);
  const begun = await patience.during(() =>
    client.post('/images/uploads', { body: { ...request, bytes, digest } }),
  );
  const params = { path: { upload: begun.id } };
  let { offset } = begun;
  while (offset < bytes) {
    say(`${percent(offset)} sent`);
    try {
      offset = await sendPart(client, begun.id, path, offset, (sent) => say(`${percent(sent)} sent`));
      patience.restore();
    } catch (error) {
      const before = offset;
      await patience.wait(error);
      ({ offset } = await patience.during(() => client.get('/images/uploads/{upload}', { params })));
      if (offset > before) patience.restore();
    }
  }
  say('checking');
  return patience.during(() => client.post('/images/uploads/{upload}/finish', { params }));
}

/** Resolves with how far the upload is then. */
async function sendPart(
  client: Client,
  upload: string,
  path: string,
  offset: number,
  progress: (sent: number) => void,
): Promise<number> {
  const part = createReadStream(path, {
    start: offset,
    end: offset + PART_BYTES - 1,
    highWaterMark: 2 ** 18,
  });
  let sent = offset;
  const counted = Readable.from(
    (async function* () {
      for await (const chunk of part as AsyncIterable<Buffer>) {
        progress((sent += chunk.length));
        yield chunk;
      }
    })(),
  );
  try {
    const now = await client.patch('/images/uploads/{upload}', {
      params: { path: { upload }, header: { [UPLOAD_OFFSET]: offset } },
      headers: { 'content-type': 'application/octet-stream' },
      body: Readable.toWeb(counted) as ReadableStream<Uint8Array>,
    });
    return now.offset;
  } finally {
    part.destroy();
  }
}

/** How long a control plane that is away is waited for. */
class Patience {
  readonly #say: (words: string) => void;
  #failures = 0;

  constructor(say: (words: string) => void) {
    this.#say = say;
  }

  restore(): void {
    this.#failures = 0;
  }

  /** Asks until there is an answer. @throws what the control plane refuses with, or its last failure */
  async during<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        await this.wait(error);
      }
    }
  }

  /** Waits before the next attempt, longer each time. @throws the error when there is none */
  async wait(error: unknown): Promise<void> {
    this.#failures += 1;
    if (!mayPass(error) || this.#failures > ATTEMPTS) throw error;
    this.#say('the control plane does not answer; going on as soon as it does');
    await pause(Math.min(AGAIN_MS.first * 2 ** (this.#failures - 1), AGAIN_MS.most));
  }
}

/** Whether trying again can help: it was away, or a part of before was still being written. */
function mayPass(error: unknown): boolean {
  if (error instanceof DrayageError) return error.retryable;
  if (!(error instanceof ProblemError)) return false;
  const { status, causes } = error.problem;
  return status >= 500 || ['offsetMismatch', 'uploadCut'].includes(causes[0]?.code ?? '');
}

async function digestOf(path: string, progress: (read: number) => void): Promise<string> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    progress((read += chunk.length));
  }
  return `sha256:${hash.digest('hex')}`;
}
