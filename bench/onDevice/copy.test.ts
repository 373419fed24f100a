import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('copy.ts', import.meta.url));

let children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
});

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

/** One side, once it is ready; `words` is what it says after that, until it ends. */
async function start(...words: string[]) {
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM, ...words], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  children.push(child);
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  await once(lines, 'line');
  return { child, over: once(child, 'close').then(([code]) => ({ code: code as number, said })) };
}

/** Copies a megabyte; `take` is the receiver's shell command. */
async function copyTo(take: string) {
  const port = await freePort();
  const receiver = await start('receive', port, 'sh', '-c', take);
  const sender = await start('send', '127.0.0.1', port, 'head', '-c', '1000000', '/dev/zero');
  sender.child.stdin?.write('go\n');
  return Promise.all([sender.over, receiver.over]);
}

const DONE = { code: 0, said: ['ready', 'done'] };

test('all bytes reach the command', async () => {
  expect(await copyTo('test "$(wc -c)" -eq 1000000')).toEqual([DONE, DONE]);
}, 60_000);

test('a command that needs no more than a part has taken all that it wants', async () => {
  expect(await copyTo('head -c 10 > /dev/null')).toEqual([DONE, DONE]);
}, 60_000);

test('a command that fails is a copy that failed, on both sides', async () => {
  const failed = { code: 1, said: ['ready'] };
  expect(await copyTo('cat > /dev/null; exit 3')).toEqual([failed, failed]);
}, 60_000);
