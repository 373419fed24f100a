import https from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type Cause, causeSchema, DrayageError } from '../../core/cause.ts';

export interface Credentials {
  ca: string;
  key?: string;
  certificate?: string;
}

/** Without a byte in either direction, milliseconds. */
const TIMEOUT_MS = 5000;
/** What is large has to be checked and put in its place before it is answered, milliseconds. */
const SENDING_TIMEOUT_MS = 120_000;
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
  #agent: https.Agent;
  #closed = false;

  constructor(base: string, credentials: Credentials) {
    this.#base = base.replace(/\/$/, '');
    this.#agent = agentFor(credentials);
  }

  /** Shows another certificate from the next request on; connections go once what is under way on them has ended. */
  use(credentials: Credentials): void {
    const before = this.#agent;
    this.#agent = agentFor(credentials);
    before.maxFreeSockets = 0;
    for (const socket of Object.values(before.freeSockets).flat()) socket?.destroy();
  }

  /** @throws DrayageError with the control plane's own cause, or `controlPlaneUnreachable` (retryable) */
  async call<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    const response = await this.stream(method, path, body);
    return schema.parse(JSON.parse(await text(response)));
  }

  /** Sends what may be large. `body` is destroyed when it cannot be sent. @throws as `call` */
  async send<T>(path: string, type: string, body: Readable, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#good(this.#sending(path, type, body));
    return schema.parse(JSON.parse(await text(response)));
  }

  /** The answer as a stream, for what may be large. @throws as `call` */
  stream(method: 'GET' | 'POST', path: string, body?: unknown): Promise<IncomingMessage> {
    return this.#good(this.#request(method, path, body));
  }

  /** An answer that is no problem. */
  async #good(answer: Promise<IncomingMessage>): Promise<IncomingMessage> {
    const response = await answer;
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
      this.#open(path, { method, headers, timeout: TIMEOUT_MS }, resolve, reject).end(payload);
    });
  }

  #sending(path: string, type: string, body: Readable): Promise<IncomingMessage> {
    const headers = { 'content-type': type };
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', headers, timeout: SENDING_TIMEOUT_MS };
      const request = this.#open(path, options, resolve, reject);
      pipeline(body, request).catch((error: unknown) => request.destroy(error as Error));
    });
  }

  #open(
    path: string,
    options: https.RequestOptions,
    resolve: (answer: IncomingMessage) => void,
    reject: (error: DrayageError) => void,
  ): ClientRequest {
    const request = https.request(`${this.#base}${path}`, { ...options, agent: this.#agent }, resolve);
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', (error) =>
      reject(new DrayageError(noAnswer(this.#base, error), { cause: error, retryable: true })),
    );
    return request;
  }
}

function workerEnded(): DrayageError {
  return new DrayageError(
    { code: 'workerEnded', message: "This device's worker has ended.", mend: 'Ask the next one.' },
    { retryable: true },
  );
}

function agentFor({ ca, key, certificate }: Credentials): https.Agent {
  return new https.Agent({
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

/** What is said of a request that got no answer. */
function noAnswer(base: string, error: NodeJS.ErrnoException): Cause {
  if (error.code === 'CERT_NOT_YET_VALID' || error.code === 'CERT_HAS_EXPIRED') {
    const now = new Date().toISOString();
    return {
      code: 'clockWrong',
      message: `The control plane's certificate is not valid at the time of this device's clock, ${now}.`,
      mend: 'Set the clock of this device, and keep it by NTP: `timedatectl set-ntp true`.',
    };
  }
  return {
    code: 'controlPlaneUnreachable',
    message: `The control plane does not answer at ${base}: ${error.message}.`,
    mend: 'Check the network to it, and DRAYAGE_CONTROL_URL.',
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
