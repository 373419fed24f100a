import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { Latencies, quantile } from './latencies.ts';
import { Load } from './load.ts';

const CONNECTIONS = 3;

/** What `pages` says, as far as the client knows it; `answer` may be replaced. */
class Pages {
  readonly sockets = new Set<Socket>();
  asked = 0;
  answer = (word: string, sequence: string): string =>
    word === 'all'
      ? `${sequence} 2`
      : word === 'stat'
        ? `${sequence} 0 0 0 ${this.asked}`
        : `${sequence} ok 1`;
  readonly #server: Server = createServer((socket) => {
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (text: string) => {
      for (const line of text.trimEnd().split('\n')) {
        this.asked += 1;
        const [word = '', sequence = ''] = line.split(' ');
        socket.write(`${this.answer(word, sequence)}\n`);
      }
    });
  });

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

let pages: Pages;
let load: Load;

beforeEach(async () => {
  pages = new Pages();
  load = new Load('127.0.0.1', await pages.listen(), CONNECTIONS, 'pages');
  await load.begin();
});

afterEach(() => {
  load.close();
  pages.close();
});

test('the client asks at its rate, and counts what it asked', async () => {
  load.setRate(500);
  const began = performance.now();
  await until('some answers', 5_000, () => pages.asked >= 200);
  const seconds = (performance.now() - began) / 1_000;
  // A busy machine makes it slower, never faster.
  expect(pages.asked / seconds).toBeLessThan(600);
  load.setRate(0);
  const { requests, wrong, lost, connections, p99BeforeMs, p99AfterMs } = load.mark();
  expect(requests).toBeGreaterThanOrEqual(190);
  expect({ wrong, lost, connections }).toEqual({ wrong: 0, lost: 0, connections: CONNECTIONS });
  expect(p99BeforeMs ?? p99AfterMs).not.toBeNull();
});

test('without a rate nothing is asked; when saturating each answer is followed by a question', async () => {
  expect(pages.asked).toBe(0);
  expect(await load.saturate(50)).toBeGreaterThan(0);
  const { asked } = pages;
  expect(asked).toBeGreaterThan(CONNECTIONS);
});

test('a wrong page and an answer to something else are counted and told', async () => {
  pages.answer = (_, sequence) => `${sequence} WRONG 7 at 0`;
  load.setRate(500);
  await until('an answer', 5_000, () => pages.asked >= CONNECTIONS);
  await until('it to be counted', 5_000, () => {
    const { wrong, firstWrong } = load.mark();
    return wrong > 0 && firstWrong.includes('WRONG 7');
  });
  pages.answer = () => '0 ok 1';
  await until('it to be counted', 5_000, () => load.mark().firstWrong === '0 ok 1');
});

test('connections that are lost are opened again, and told', async () => {
  load.setRate(500);
  await until('answers', 5_000, () => pages.asked >= CONNECTIONS);
  load.mark();
  for (const socket of pages.sockets) socket.resetAndDestroy();
  await until('all to stand again', 5_000, () => pages.sockets.size === CONNECTIONS);
  const asked = pages.asked;
  await until('answers again', 5_000, () => pages.asked > asked + CONNECTIONS);
  expect(load.mark().lost).toBe(CONNECTIONS);
  expect(load.mark().lost).toBe(0);
});

test('the gap is the longest silence, and p99 is of before and after it', async () => {
  load.setRate(1_000);
  await until('answers', 5_000, () => pages.asked >= 50);
  load.mark();
  await until('answers', 5_000, () => pages.asked >= 100);
  load.setRate(0);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const { gapMs, gapAt } = load.mark();
  expect(gapMs).toBeGreaterThan(100);
  expect(Math.abs(gapAt + gapMs - Date.now())).toBeLessThan(1_000);
});

test('all pages are checked, and work is begun, watched and ended', async () => {
  expect(await load.checkAll()).toBe(2);
  const end = await load.watchWork();
  await until('two looks', 5_000, () => pages.asked >= 4);
  const samples = await end();
  expect(samples.length).toBeGreaterThanOrEqual(2);
  expect(samples.at(-1)!.work).toBeGreaterThan(samples[0]!.work);
});

test('quantiles are by nearest rank, within the times that are asked for', () => {
  expect(quantile([], 0.99)).toBeNull();
  expect(quantile([5, 1, 3], 0.5)).toBe(3);
  const latencies = new Latencies();
  for (let at = 0; at < 100; at += 1) latencies.add(at, at + (at === 99 ? 50 : 1));
  expect(latencies.p99(0, 100)).toBe(1);
  expect(latencies.p99(90, 100)).toBe(50);
  expect(latencies.p99(100, 200)).toBeNull();
  latencies.clear();
  expect(latencies.count).toBe(0);
});

test('a service that cannot be filled is no service to be measured', async () => {
  pages.answer = () => '-ERR unknown command';
  const [port] = [...pages.sockets].map((socket) => socket.localPort);
  const redis = new Load('127.0.0.1', port ?? 0, 1, 'redis');
  await expect(redis.begin()).rejects.toThrow(/cannot be filled: -ERR/);
  redis.close();
  expect(() => new Load('127.0.0.1', port ?? 0, 1, 'gopher')).toThrow(/no such service/);
});

test('a command whose connection is lost fails instead of waiting for ever', async () => {
  pages.answer = () => {
    for (const socket of pages.sockets) socket.destroy();
    return '';
  };
  await expect(load.checkAll()).rejects.toThrow(/lost/);
});
