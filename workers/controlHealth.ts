import { once } from 'node:events';
import { createServer } from 'node:http';
import { type Checks, readinessOf } from '../api/readiness.ts';

/**
 * Answers GET /readyz as the API's process does (200 or 503, with what is away), for whoever watches this one: Docker, an
 * orchestrator. Everything else is 404.
 */
export async function serveReadiness(
  listen: { host: string; port: number },
  checks: Checks,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/readyz') {
      response.writeHead(404).end();
      return;
    }
    void readinessOf(checks).then((readiness) => {
      response.writeHead(readiness.ready ? 200 : 503, { 'content-type': 'application/json' });
      response.end(JSON.stringify(readiness));
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
