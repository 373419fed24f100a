import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { useAgent as agentFor } from 'request-filtering-agent';

/**
 * For a request to a URL that a tenant has named: it connects to no special-purpose address (IANA's registries: private
 * networks, this machine, the link with the metadata services of clouds, and what leads to them by another name), to none of
 * this machine's own, and not to `advertiseHost`. The address is looked at as the connection is made to it, so a name that
 * resolves to something else the next time wins nothing. An agent is for one request.
 */
export function publicAgent(url: URL, advertiseHost = ''): HttpAgent | HttpsAgent {
  const cards = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const own = cards.map(({ address }) => address);
  return agentFor(url.href, { denyIPAddressList: isIP(advertiseHost) > 0 ? [...own, advertiseHost] : own });
}

/** Whether a request failed because its agent does not connect to such addresses. */
export function isNotPublic(error: Error): boolean {
  return error.message.includes('is not allowed');
}
