import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { NGINX } from '../../lab/programs/services.ts';
import { withLab } from '../lab/support.ts';
import { MovedService } from './support/movedService.ts';

const MOVES = 10;
const CONNECTIONS = 16;
const SETUP_MS = 900_000;
const CLIENT = fileURLToPath(new URL('support/keepAliveClient.ts', import.meta.url));

const shared = withLab();
let service: MovedService;
beforeAll(async () => {
  service = await MovedService.create(shared, NGINX);
  const program = `fetch('http://${service.ip}/').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`;
  const answers = () =>
    shared.client([process.execPath, '-e', program]).then(
      () => true,
      () => false,
    );
  await until('nginx to answer', 60_000, answers, 200);
}, SETUP_MS);
afterAll(() => service.remove(), SETUP_MS);

test(`nginx with four workers under keep-alive load is moved ${MOVES} times: no request fails`, async () => {
  const client = await shared.spawnOnClient([process.execPath, CLIENT, service.ip, String(CONNECTIONS)]);
  const counted = json(client.stdout as NodeJS.ReadableStream);
  let ends: string[];
  try {
    ends = await service.move(MOVES);
  } finally {
    client.kill('SIGTERM');
  }
  expect(ends).toEqual(Array.from({ length: MOVES }, () => 'succeeded'));
  const counts = (await counted) as { requests: number; failed: string[]; opened: number };
  expect(counts).toMatchObject({ failed: [], opened: CONNECTIONS });
  expect(counts.requests).toBeGreaterThan(1000);
});
