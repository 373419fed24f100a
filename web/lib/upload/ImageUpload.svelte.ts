import type { Client, Schemas } from '../../../client/createClient.ts';
import { ProblemError } from '../../../client/problemError.ts';
import { DrayageError } from '../../../core/cause.ts';
import { isGone } from '../api/describeError.ts';
import { hashFile } from './hashFile.ts';
import { sendBody } from './sendBody.ts';

/** Sent in one request, bytes: little enough that a proxy does not mind, and that little is lost with a connection. */
const PART_BYTES = 16 * 2 ** 20;
/** First and longest wait before the control plane is asked again, milliseconds. */
const AGAIN_MS = { first: 500, most: 10_000 };

export type UploadState =
  'reading' | 'sending' | 'paused' | 'away' | 'checking' | 'done' | 'failed' | 'cancelled';

export interface UploadRequest {
  name: string;
  command?: string[];
  entrypoint?: string[];
  workingDir?: string;
}

/** An archive on its way to become an image: in parts, over pauses and cut connections. */
export class ImageUpload {
  state = $state<UploadState>('reading');
  /** Bytes read or sent, by the state. */
  done = $state(0);
  /** Bytes a second over the last part; null before. */
  rate = $state<number | null>(null);
  error = $state.raw<unknown>(null);
  image = $state.raw<Schemas['Image'] | null>(null);
  readonly file: File;
  readonly request: UploadRequest;
  readonly tenantId: string | null;
  readonly #client: Client;
  #run = new AbortController();
  #digest: string | null = null;
  #id: string | null = null;
  #failures = 0;

  constructor(of: { client: Client; tenantId: string | null }, file: File, request: UploadRequest) {
    this.#client = of.client;
    this.tenantId = of.tenantId;
    this.file = file;
    this.request = request;
    void this.#start();
  }

  get isOver(): boolean {
    return this.state === 'done' || this.state === 'cancelled';
  }

  pause(): void {
    this.state = 'paused';
    this.#run.abort();
  }

  /** Goes on after a pause or a failure. */
  resume(): void {
    this.#failures = 0;
    this.error = null;
    void this.#start();
  }

  /** Ends it, and what has come is thrown away. */
  async cancel(): Promise<void> {
    this.state = 'cancelled';
    this.#run.abort();
    if (this.#id === null) return;
    const params = { path: { upload: this.#id } };
    await this.#client.delete('/images/uploads/{upload}', { params }).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  }

  async #start(): Promise<void> {
    this.#run = new AbortController();
    const { signal } = this.#run;
    try {
      await this.#work(signal);
    } catch (error) {
      // Paused or cancelled: the state says so.
      if (signal.aborted) return;
      this.error = error;
      this.state = 'failed';
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { file, request } = this;
    const client = this.#client;
    if (this.#digest === null) {
      this.state = 'reading';
      this.#digest = await hashFile(file, (read) => (this.done = read), signal);
    }
    const body = { ...request, bytes: file.size, digest: this.#digest };
    const begun = await this.#patiently(signal, () => client.post('/images/uploads', { body, signal }));
    this.#id = begun.id;
    const params = { path: { upload: begun.id } };
    this.done = begun.offset;
    while (this.done < file.size) {
      this.state = 'sending';
      this.done = await this.#patiently(signal, async (again) => {
        // After a failure only the control plane knows how much has come.
        const offset = again
          ? (await client.get('/images/uploads/{upload}', { params, signal })).offset
          : this.done;
        return offset < file.size ? this.#sendPart(begun.id, offset, signal) : offset;
      });
    }
    this.state = 'checking';
    this.image = await this.#patiently(signal, () =>
      client.post('/images/uploads/{upload}/finish', { params, signal }),
    ).catch((error: unknown) => {
      // What was refused as a whole is thrown away by the control plane itself.
      if (error instanceof ProblemError) this.#id = null;
      throw error;
    });
    this.state = 'done';
  }

  /** Resolves with how far the upload is then. */
  async #sendPart(id: string, offset: number, signal: AbortSignal): Promise<number> {
    this.state = 'sending';
    const begun = performance.now();
    const now = await sendBody<Schemas['ImageUpload']>({
      method: 'PATCH',
      path: `/images/uploads/${id}`,
      tenantId: this.tenantId,
      headers: { 'upload-offset': String(offset) },
      body: this.file.slice(offset, offset + PART_BYTES),
      onProgress: (sent) => (this.done = offset + sent),
      signal,
    });
    const seconds = (performance.now() - begun) / 1_000;
    this.rate = seconds > 0 ? (now.offset - offset) / seconds : null;
    return now.offset;
  }

  /** Asks until there is an answer, for as long as the page is open. @throws what the control plane refuses with */
  async #patiently<T>(signal: AbortSignal, ask: (again: boolean) => Promise<T>): Promise<T> {
    for (let again = false; ; again = true) {
      try {
        const answer = await ask(again);
        this.#failures = 0;
        return answer;
      } catch (error) {
        if (signal.aborted || !mayPass(error)) throw error;
        this.state = 'away';
        const wait = Math.min(AGAIN_MS.first * 2 ** this.#failures, AGAIN_MS.most);
        this.#failures += 1;
        await new Promise((resolve) => setTimeout(resolve, wait));
        signal.throwIfAborted();
      }
    }
  }
}

/** Whether trying again can help: it was away, or a part of before was still being written. */
function mayPass(error: unknown): boolean {
  if (error instanceof DrayageError) return error.retryable;
  if (!(error instanceof ProblemError)) return false;
  const { status, causes } = error.problem;
  return status >= 500 || ['offsetMismatch', 'uploadCut'].includes(causes[0]?.code ?? '');
}
