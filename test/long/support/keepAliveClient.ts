/**
 * node keepAliveClient.ts HOST CONNECTIONS: asks for / over connections that are kept, one request after the other on each.
 * At SIGTERM it prints {requests, failed, opened} as JSON and ends.
 */
import { Agent, get } from 'node:http';

const [host = '', connections = '1'] = process.argv.slice(2);
const ANSWER_MS = 30_000;
const agents = Array.from(
  { length: Number(connections) },
  () => new Agent({ keepAlive: true, maxSockets: 1 }),
);
const counts = { requests: 0, failed: [] as string[], opened: 0 };
let over = false;

function ask(agent: Agent): Promise<void> {
  return new Promise((resolve) => {
    const fail = (why: string) => {
      counts.failed.push(why);
      resolve();
    };
    const request = get({ host, agent, path: '/', timeout: ANSWER_MS }, (answer) => {
      if (answer.statusCode !== 200) fail(`status ${answer.statusCode}`);
      answer.resume();
      answer.once('end', resolve);
      answer.once('error', (error) => fail(error.message));
    });
    request.once('socket', (socket) => {
      if (!request.reusedSocket) socket.once('connect', () => (counts.opened += 1));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', (error) => fail(error.message));
  });
}

process.once('SIGTERM', () => (over = true));
await Promise.all(
  agents.map(async (agent) => {
    while (!over) {
      counts.requests += 1;
      await ask(agent);
    }
    agent.destroy();
  }),
);
process.stdout.write(`${JSON.stringify({ ...counts, failed: counts.failed.slice(0, 10) })}\n`);
