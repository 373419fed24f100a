import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { withLab } from '../lab/support.ts';
import { MovedService } from './support/movedService.ts';

const MOVES = 10;
const KEYS = 500_000;
const VALUE_BYTES = 900;
const SETUP_MS = 900_000;
const IMAGE = { name: 'redis', packages: ['redis-server', 'redis-tools'], files: {} };
const SERVER = [
  ...['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--appendonly', 'no'],
  ...['--enable-debug-command', 'yes'],
];

const shared = withLab();
let service: MovedService;
beforeAll(async () => {
  service = await MovedService.create(shared, IMAGE, SERVER);
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
  expect(await ask('DEBUG', 'POPULATE', String(KEYS), 'key', String(VALUE_BYTES))).toBe('OK');
  const used = Number(/^used_memory:(\d+)/m.exec(await ask('INFO', 'memory'))?.[1]);
  expect(used).toBeGreaterThan(500 * 2 ** 20);
  const digest = await ask('DEBUG', 'DIGEST');
  // In a database of its own, over connections that are kept.
  const load = [
    'redis-benchmark',
    '-h',
    service.ip,
    '--dbnum',
    '1',
    '-c',
    '8',
    '-r',
    '10000',
    '-t',
    'set,get,incr,lpush,lpop',
  ];
  const benchmark = await shared.spawnOnClient(service.command(...load, '-n', '1000000', '-l'));
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
  expect(await ask('DBSIZE')).toBe(String(KEYS));
});
