import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { REDIS, REDIS_KEYS, REDIS_VALUE_BYTES, redisLoad } from '../../lab/programs/services.ts';
import { withLab } from '../lab/support.ts';
import { MovedService } from './support/movedService.ts';

const MOVES = 10;
const SETUP_MS = 900_000;

const shared = withLab();
let service: MovedService;
beforeAll(async () => {
  service = await MovedService.create(shared, REDIS);
  await until('redis to answer', 60_000, () =>
    ask('PING').then(
      (said) => said === 'PONG',
      () => false,
    ),
  );
}, SETUP_MS);
afterAll(() => service.remove(), SETUP_MS);

async function ask(...words: string[]): Promise<string> {
  const command = service.command('redis-cli', '-h', service.ip, ...words);
  return (await shared.client(command, { timeoutMs: 120_000 })).stdout.trim();
}

test(`500 MB of redis under redis-benchmark are moved ${MOVES} times: no error, and every key as before`, async () => {
  expect(await ask('DEBUG', 'POPULATE', String(REDIS_KEYS), 'key', String(REDIS_VALUE_BYTES))).toBe('OK');
  const used = Number(/^used_memory:(\d+)/m.exec(await ask('INFO', 'memory'))?.[1]);
  expect(used).toBeGreaterThan(500 * 2 ** 20);
  const digest = await ask('DEBUG', 'DIGEST');
  const benchmark = await shared.spawnOnClient(service.command(...redisLoad(service.ip)));
  const said = Promise.all(
    [benchmark.stdout, benchmark.stderr].map((stream) => (stream ? text(stream) : Promise.resolve(''))),
  );
  try {
    expect(await service.move(MOVES)).toEqual(Array.from({ length: MOVES }, () => 'succeeded'));
    expect(benchmark.exitCode, 'it goes on for ever, unless a connection is lost').toBeNull();
  } finally {
    benchmark.kill('SIGINT');
    await once(benchmark, 'exit');
  }
  expect((await said).join('')).not.toMatch(/error|closed|refused|reset/i);
  await ask('-n', '1', 'FLUSHDB');
  expect(await ask('DEBUG', 'DIGEST')).toBe(digest);
  expect(await ask('DBSIZE')).toBe(String(REDIS_KEYS));
});
