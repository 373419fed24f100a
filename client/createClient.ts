import createFetchClient, { type MaybeOptionalInit } from 'openapi-fetch';
import type {
  HttpMethod,
  OperationRequestBodyContent,
  PathsWithMethod,
  RequiredKeysOf,
  SuccessResponse,
} from 'openapi-typescript-helpers';
import { DrayageError } from '../core/cause.ts';
import type { components, paths } from './paths.ts';
import { ProblemError, readProblem } from './problemError.ts';

const PREFIX = '/api/v1';

/** The API's routes, without the prefix that all of them have. */
type Routes = {
  [Path in keyof paths as Path extends `${typeof PREFIX}${infer Rest}` ? Rest : never]: paths[Path];
};

/** What the API's document has a name for: `Schemas['Compute']`. */
export type Schemas = components['schemas'];

/** `params` (`path`, `query`, `header`) and `body` as the document has them, and what `fetch` takes: a signal, say. */
type Init<Path extends keyof Routes, Method extends HttpMethod> = MaybeOptionalInit<Routes[Path], Method>;
type Options<T> = RequiredKeysOf<T> extends never ? [options?: T] : [options: T];

type BodyOf<Responses extends Record<string | number, unknown>> = [SuccessResponse<Responses>] extends [never]
  ? undefined
  : SuccessResponse<Responses>;
/** The body of a route's good answer; undefined when it has none. */
export type Answer<Path extends keyof Routes, Method extends HttpMethod> =
  Routes[Path] extends Record<Method, { responses: infer Responses extends Record<string | number, unknown> }>
    ? BodyOf<Responses>
    : never;

/** The body that a route takes. */
export type Body<Path extends keyof Routes, Method extends HttpMethod> =
  Routes[Path] extends Record<Method, infer Operation> ? OperationRequestBodyContent<Operation> : never;

type Ask<Method extends HttpMethod> = <Path extends PathsWithMethod<Routes, Method>>(
  path: Path,
  ...options: Options<Init<Path, Method>>
) => Promise<Answer<Path, Method>>;

/**
 * The API's routes, with the types of its own document: `client.get('/computes/{id}', { params: { path: { id } } })`.
 * A good answer's body is what comes back.
 * @throws ProblemError when the API says no, DrayageError apiAway (may be tried again) when nobody answers,
 * DrayageError unexpectedAnswer
 */
export interface Client {
  get: Ask<'get'>;
  post: Ask<'post'>;
  put: Ask<'put'>;
  patch: Ask<'patch'>;
  delete: Ask<'delete'>;
  /** A good answer itself, not read yet: for one that is a stream. */
  open<Path extends PathsWithMethod<Routes, 'get'>>(
    path: Path,
    ...options: Options<Init<Path, 'get'>>
  ): Promise<Response>;
}

interface Asked {
  method: string;
  /** As the document has it, `{id}` and all. */
  path: string;
  status: number;
}

export interface ClientOptions {
  /** Of the control plane, e.g. http://127.0.0.1:7480. */
  url: string;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** Tells why a good answer is not what was expected; null when it is. */
  check?: (asked: Asked, body: unknown) => Error | null;
}

export function createClient({ url, headers, check = () => null }: ClientOptions): Client {
  const { request } = createFetchClient<paths>({ baseUrl: url, headers, bodySerializer: serialize });
  // `Client` has the types: from here on a path is one of many.
  const send = request as unknown as (method: string, path: string, options: object) => Promise<Sent>;
  const open = async (method: string, path: string, options: Sending = {}): Promise<Response> => {
    const streams = options.body instanceof ReadableStream ? { duplex: 'half' } : {};
    const { response, error } = await send(method, `${PREFIX}${path}`, {
      ...{ ...options, ...streams, parseAs: 'stream' },
    }).catch((failure: unknown) => {
      throw options.signal?.aborted === true ? failure : apiAway(url, failure);
    });
    if (response.ok) return response;
    throw new ProblemError(readProblem(error, response));
  };
  const ask = (method: string) => async (path: string, options?: Sending) => {
    const response = await open(method, path, options);
    const text = await response.text();
    if (text === '') return undefined;
    const asked = { method, path: `${PREFIX}${path}`, status: response.status };
    const { body, failure } = parse(text);
    const wrong = failure ?? check(asked, body);
    if (wrong) throw unexpectedAnswer(asked, wrong);
    return body;
  };
  return {
    ...{ get: ask('get'), post: ask('post'), put: ask('put'), patch: ask('patch'), delete: ask('delete') },
    open: (path: string, options?: Sending) => open('get', path, options),
  } as Client;
}

interface Sending {
  signal?: AbortSignal;
  body?: unknown;
}

interface Sent {
  response: Response;
  error?: unknown;
}

/** What is a stream is sent as it comes. */
function serialize(body: unknown): ReadableStream | string {
  return body instanceof ReadableStream ? body : JSON.stringify(body);
}

function parse(text: string): { body?: unknown; failure?: Error } {
  try {
    return { body: JSON.parse(text) };
  } catch (error) {
    return { failure: error as Error };
  }
}

/** What a request has failed with that nobody answered, with the reason that the system gives. */
export const apiAway = (url: string, cause: unknown) =>
  new DrayageError(
    {
      code: 'apiAway',
      message: `The control plane at ${url} does not answer${reasonOf(cause)}.`,
      mend: 'Look at `drayage lab status`, or at the address in DRAYAGE_URL.',
    },
    { cause, retryable: true },
  );

/** ` (connect ECONNREFUSED 127.0.0.1:7480)`: fetch itself says but that it failed. */
function reasonOf(failure: unknown): string {
  const causes = [(failure as Error).cause, failure].filter((one) => one instanceof Error);
  const reason = causes.find(({ message }) => message !== '')?.message ?? '';
  return reason === '' ? '' : ` (${reason})`;
}

const unexpectedAnswer = ({ method, path }: Asked, cause: Error) =>
  new DrayageError(
    {
      code: 'unexpectedAnswer',
      message: `The control plane's answer to ${method.toUpperCase()} ${path} is not what is expected here.`,
      mend: "Use the CLI of the control plane's version.",
    },
    { cause },
  );
