import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { DrayageError } from '../../core/cause.ts';
import { isNotPublic, publicAgent } from '../publicAgent.ts';
import { type RegistryPolicy, ruleFor } from './policy.ts';

/** A registry that says nothing for this long is taken as gone, milliseconds. */
const SILENCE_MS = 30_000;
const REDIRECTS_MAX = 5;

export interface Question {
  headers: Record<string, string>;
  signal: AbortSignal;
}

/**
 * Asks a registry, or a place that it leads to; only where the policy allows it. The address that was judged is the one that
 * is connected to. `authorization` stays with the host that it is for.
 * @throws DrayageError registryRefused, registryUnreachable
 */
export async function askRegistry(
  policy: RegistryPolicy,
  url: URL,
  question: Question,
): Promise<IncomingMessage> {
  let at = url;
  const headers = { ...question.headers };
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const answer = await askOnce(policy, at, { ...question, headers });
    const { statusCode = 0 } = answer;
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return answer;
    answer.destroy();
    if (!URL.canParse(location, at.href)) break;
    const next = new URL(location, at);
    if (next.host !== at.host || next.protocol !== at.protocol) delete headers['authorization'];
    at = next;
  }
  throw unreachable(url, new Error('it leads in circles'));
}

async function askOnce(policy: RegistryPolicy, url: URL, question: Question): Promise<IncomingMessage> {
  const rule = ruleFor(policy, url);
  if (rule === 'refused') throw refused(url);
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        ...question,
        agent: rule === 'publicOnly' ? publicAgent(url) : false,
        timeout: SILENCE_MS,
      },
      resolve,
    );
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', (error) => {
      if (question.signal.aborted) reject(error);
      else reject(isNotPublic(error) ? refused(url) : unreachable(url, error));
    });
    asked.end();
  });
}

/** The same whatever is or is not at such an address: nobody finds out by it. */
function refused(url: URL): DrayageError {
  return new DrayageError({
    code: 'registryRefused',
    message: `${url.host} is no registry that may be used here: it is at an address of this network, or without TLS.`,
    mend: 'Ask the operator to list it in DRAYAGE_REGISTRIES.',
  });
}

function unreachable(url: URL, error: Error): DrayageError {
  return new DrayageError(
    {
      code: 'registryUnreachable',
      message: `The registry ${url.host} does not answer.`,
      mend: 'Check its name, and that the control plane can reach it with TLS.',
    },
    { cause: error, retryable: true },
  );
}
