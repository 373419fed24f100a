import { apiAway } from '../../../client/createClient.ts';
import { ProblemError, readProblem } from '../../../client/problemError.ts';
import { TENANT_HEADER } from '../api/clientFor.ts';

export interface BodyRequest {
  method: 'POST' | 'PATCH';
  /** Below /api/v1. */
  path: string;
  /** That it is for. */
  tenantId: string | null;
  query?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  body: Blob;
  /** Told how many bytes of the body are sent. */
  onProgress: (sent: number) => void;
  signal: AbortSignal;
}

/**
 * Sends something large and tells how far it is, which `fetch` does not. A blob that is made of files is read from the disk
 * while it is sent.
 * @throws ProblemError, DrayageError apiAway, the signal's reason
 */
export function sendBody<Answer>(request: BodyRequest): Promise<Answer> {
  const { method, path, tenantId, query = {}, headers = {}, body, onProgress, signal } = request;
  const url = new URL(`/api/v1${path}`, location.origin);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const sending = new XMLHttpRequest();
    sending.open(method, url);
    const all = { 'content-type': 'application/octet-stream', ...headers };
    for (const [name, value] of Object.entries(all)) sending.setRequestHeader(name, value);
    if (tenantId !== null) sending.setRequestHeader(TENANT_HEADER, tenantId);
    const abort = () => sending.abort();
    signal.addEventListener('abort', abort, { once: true });
    sending.upload.onprogress = ({ loaded }) => onProgress(loaded);
    sending.onloadend = () => signal.removeEventListener('abort', abort);
    sending.onabort = () => reject(signal.reason as Error);
    sending.onerror = () => reject(apiAway(location.origin, new Error('The connection was lost.')));
    sending.onload = () => {
      const answer = parse(sending.responseText);
      if (sending.status >= 200 && sending.status < 300) resolve(answer as Answer);
      else reject(new ProblemError(readProblem(answer, sending)));
    };
    sending.send(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
