import type { z } from 'zod';
import { type Problem, problemSchema } from '../core/api/common.ts';
import { DrayageError } from '../core/cause.ts';
import { type Credentials, loadCredentials } from './credentials.ts';

/** The API said no, with a problem document. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

export interface RequestOptions {
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  stream?: ReadableStream<Uint8Array>;
  query?: Record<string, string | string[] | undefined>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface ApiClient {
  readonly credentials: Credentials;
  /** Asks and checks the answer. @throws ProblemError, DrayageError apiAway */
  request<T extends z.ZodType>(
    method: string,
    path: string,
    answer: T,
    options?: RequestOptions,
  ): Promise<z.output<T>>;
  /** The answer itself, once it is a good one. */
  open(path: string, options?: RequestOptions): Promise<Response>;
  /** The answer's body as it comes. */
  stream(path: string, options?: RequestOptions): Promise<ReadableStream<Uint8Array>>;
}

export async function openClient(): Promise<ApiClient> {
  return createClient(await loadCredentials());
}

export function createClient(credentials: Credentials): ApiClient {
  return {
    credentials,
    request: async (method, path, answer, options) => {
      const response = await send(credentials, method, path, options);
      const text = await response.text();
      const parsed = answer.safeParse(text === '' ? null : JSON.parse(text));
      if (parsed.success) return parsed.data;
      throw new DrayageError(
        {
          code: 'unexpectedAnswer',
          message: `The control plane's answer to ${method} ${path} is not what this CLI expects.`,
          mend: "Use the CLI of the control plane's version.",
        },
        { cause: parsed.error },
      );
    },
    open: (path, options) => send(credentials, 'GET', path, options),
    stream: async (path, options) => {
      const { body } = await send(credentials, 'GET', path, options);
      if (!body) throw new Error('an answer without a body');
      return body;
    },
  };
}

async function send(
  credentials: Credentials,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Response> {
  const { body, stream, query, headers, signal } = options;
  const tenant = process.env['DRAYAGE_TENANT'];
  const url = new URL(`${credentials.url.replace(/\/$/, '')}/api/v1${path}`);
  for (const [name, value] of Object.entries(query ?? {}))
    for (const one of value === undefined ? [] : [value].flat()) url.searchParams.append(name, one);
  const init = {
    method,
    headers: {
      ...(credentials.token === '' ? {} : { authorization: `Bearer ${credentials.token}` }),
      ...(tenant === undefined ? {} : { 'x-drayage-tenant': tenant }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: stream ?? (body === undefined ? undefined : JSON.stringify(body)),
    ...(stream ? { duplex: 'half' as const } : {}),
    signal,
  };
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new DrayageError(
      {
        code: 'apiAway',
        message: `The control plane at ${credentials.url} does not answer.`,
        mend: 'Look at `drayage lab status`, or at the address in DRAYAGE_URL.',
      },
      { cause: error, retryable: true },
    );
  }
  if (!response.ok) throw new ProblemError(await readProblem(response));
  return response;
}

async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    return problemSchema.parse(JSON.parse(text));
  } catch {
    // Not from Drayage itself: a proxy, say.
    const detail = `${String(response.status)} ${response.statusText}`.trim();
    const cause = {
      code: 'notDrayage',
      message: `The answer is not Drayage's: ${detail}.`,
      mend: 'Check the URL.',
    };
    return {
      type: 'about:blank',
      title: response.statusText,
      status: response.status,
      detail,
      causes: [cause],
    };
  }
}
