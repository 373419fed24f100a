import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Attempt, parseRetryAfter } from '../../core/webhookRetry.ts';
import type { ApiConfig } from '../config.ts';
import { isNotPublic, publicAgent } from '../publicAgent.ts';

/** What is read of an answer, for the receiver's sake; nobody looks into it. */
const MAX_ANSWER_BYTES = 64 * 1024;

export interface PostOptions {
  /** Where tenants may send the control plane, in whose own network an address may be trusted because nobody else reaches it. */
  targets: ApiConfig['webhookTargets'];
  /** Under which the control plane itself is reached. */
  advertiseHost: string;
  /** From the connection to the end of the answer. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** Posts to a receiver; redirects are not followed. */
export async function postWebhook(
  url: string,
  headers: Record<string, string>,
  body: string,
  { targets, advertiseHost, timeoutMs, signal }: PostOptions,
): Promise<Attempt> {
  const secure = url.startsWith('https:');
  if (!secure && targets === 'public') return failed('The address is not https, which is needed here.');
  const agent = targets === 'any' ? false : publicAgent(new URL(url), advertiseHost);
  const limit = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve) => {
    const request = (secure ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent,
      signal: AbortSignal.any([signal, limit]),
    });
    request.once('error', (error) => {
      resolve(failed(limit.aborted ? `It did not answer in ${String(timeoutMs / 1000)} s.` : words(error)));
    });
    request.once('response', (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) response.destroy();
      });
      // The answer is its status; that the rest did not come changes nothing.
      response.on('error', () => undefined);
      response.once('close', () => {
        const retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now());
        const status = response.statusCode ?? 0;
        resolve({ outcome: 'answered', status, ...(retryAfterMs === null ? {} : { retryAfterMs }) });
      });
    });
    request.end(body);
  });
}

const failed = (reason: string): Attempt => ({ outcome: 'failed', reason });

/** Never what a name resolves to: that would tell of the control plane's network. */
function words(error: NodeJS.ErrnoException): string {
  if (isNotPublic(error))
    return "The address is a private one, or the control plane's own, which is not allowed here.";
  return `It could not be reached (${error.code ?? error.name}).`;
}
