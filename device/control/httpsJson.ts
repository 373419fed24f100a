import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { causeSchema, DrayageError } from '../../core/cause.ts';

export interface Credentials {
  ca: string;
  key?: string;
  certificate?: string;
}

const TIMEOUT_MS = 5000;
/**
 * The control plane's name in its certificate, whatever address it was found at: our authority gives it to nobody else.
 */
const CONTROL_NAME = 'control';

const problemSchema = z.object({
  detail: z.string().optional(),
  title: z.string().optional(),
  causes: z.array(causeSchema).default([]),
});

/** HTTPS to the control plane with this device's certificate; connections are kept. */
export class HttpsJson {
  readonly #base: string;
  readonly #agent: https.Agent;
  #closed = false;

  constructor(base: string, { ca, key, certificate }: Credentials) {
    this.#base = base.replace(/\/$/, '');
    this.#agent = new https.Agent({
      keepAlive: true,
      maxSockets: 8,
      // One is always in use by the heartbeats; more would be kept open long after a busy moment.
      maxFreeSockets: 1,
      ca,
      key,
      cert: certificate,
      servername: CONTROL_NAME,
      minVersion: 'TLSv1.3',
    });
  }

  /** @throws DrayageError with the control plane's own cause, or `controlPlaneUnreachable` (retryable) */
  async call<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    const response = await this.stream(method, path, body);
    return schema.parse(JSON.parse(await text(response)));
  }

  /** The answer as a stream, for what may be large. @throws as `call` */
  async stream(method: 'GET' | 'POST', path: string, body?: unknown): Promise<IncomingMessage> {
    const response = await this.#request(method, path, body);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const said = problemSchema.safeParse(parse(await text(response)));
    const [cause] = said.success ? said.data.causes : [];
    const detail = said.success ? (said.data.detail ?? said.data.title) : undefined;
    throw new DrayageError(
      cause ?? {
        code: 'controlPlaneRefused',
        message: `The control plane answered ${status}: ${detail ?? 'no reason'}.`,
        mend: 'See its log.',
      },
      { retryable: status >= 500 },
    );
  }

  /** Nothing is asked any more: every further call fails. */
  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  async #request(method: string, path: string, body: unknown): Promise<IncomingMessage> {
    if (this.#closed) throw workerEnded();
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${this.#base}${path}`,
        { method, agent: this.#agent, headers, timeout: TIMEOUT_MS },
        resolve,
      );
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', (error) =>
        reject(
          new DrayageError(
            {
              code: 'controlPlaneUnreachable',
              message: `The control plane does not answer at ${this.#base}: ${error.message}.`,
              mend: 'Check the network to it, and DRAYAGE_CONTROL_URL.',
            },
            { cause: error, retryable: true },
          ),
        ),
      );
      request.end(payload);
    });
  }
}

function workerEnded(): DrayageError {
  return new DrayageError(
    { code: 'workerEnded', message: "This device's worker has ended.", mend: 'Ask the next one.' },
    { retryable: true },
  );
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
