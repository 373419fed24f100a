import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** Longest wait for one of the parts, milliseconds. */
const CHECK_MS = 3_000;

/** What the control worker needs to work; each rejects when it is away. */
export interface ControlChecks {
  database(): Promise<unknown>;
  temporal(): Promise<unknown>;
}

/**
 * Answers GET /readyz as the API's process does (200 or 503, with what is away), for whoever watches this one: Docker, an
 * orchestrator. Everything else is 404.
 */
export async function serveReadiness(
  listen: { host: string; port: number },
  checks: ControlChecks,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/readyz') {
      response.writeHead(404).end();
      return;
    }
    void Promise.all([check(checks.database()), check(checks.temporal())]).then(([database, temporal]) => {
      const ready = database === 'ok' && temporal === 'ok';
      response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ready, database, temporal }));
    });
  });
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : listen.port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function check(asked: Promise<unknown>): Promise<'ok' | 'away'> {
  const late = new AbortController();
  const answer = await Promise.race([
    asked.then(
      () => 'ok' as const,
      () => 'away' as const,
    ),
    pause(CHECK_MS, 'away' as const, { signal: late.signal }).catch(() => 'away' as const),
  ]);
  late.abort();
  return answer;
}
