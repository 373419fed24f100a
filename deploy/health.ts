import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Whether this container's process can work: Docker runs it (HEALTHCHECK). `tcp://` asks no more than that it takes
 * connections. Exit code 0 and 1; the answer is its output.
 */
const url = new URL(process.env['DRAYAGE_HEALTH_URL'] ?? 'http://127.0.0.1:7480/readyz');
/** Below the timeout of the check itself, so that it is this program which says so. Milliseconds. */
const ANSWER_MS = 4_000;

async function ask(): Promise<{ well: boolean; words: string }> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  if (url.protocol !== 'tcp:') {
    const answer = await fetch(url, { signal });
    return { well: answer.ok, words: `${answer.status} ${await answer.text()}` };
  }
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  try {
    await once(socket, 'connect', { signal });
    return { well: true, words: 'it takes connections' };
  } finally {
    socket.destroy();
  }
}

try {
  const { well, words } = await ask();
  process.stdout.write(`${words}\n`);
  process.exitCode = well ? 0 : 1;
} catch (error) {
  process.stdout.write(`no answer from ${url.href}: ${String(error)}\n`);
  process.exitCode = 1;
}
