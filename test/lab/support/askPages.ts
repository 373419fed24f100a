/**
 * Asks the program `pages` (lab/programs/pages.c), a program for the client host:
 *   node askPages.ts HOST
 * One connection asks for a random page every 5 ms, another what comes on stdin, a line each: `all`, `stat`, `spoil`, ...;
 * `mark` ends a window. stdout, a JSON object a line: {answer} of what was asked, {requests, wrong, gapMs} of a window, and
 * {lost} when a connection has ended.
 */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { until } from '../../../core/until.ts';

const PORT = 7000;
const EVERY_MS = 5;
/** The program listens once it has filled its memory, milliseconds. */
const LISTENS_MS = 60_000;

const host = process.argv[2] ?? '';
let window = { requests: 0, wrong: 0, gapMs: 0 };
let heard = performance.now();

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function connect(): Promise<Socket> {
  return until('the program to listen', LISTENS_MS, async () => {
    const socket = createConnection({ host, port: PORT, noDelay: true });
    return once(socket, 'connect').then(
      () => socket,
      () => false as const,
    );
  });
}

function read(socket: Socket, name: string, onLine: (line: string) => void): void {
  createInterface({ input: socket })
    .on('line', onLine)
    .on('error', () => undefined);
  socket.on('close', () => say({ lost: name }));
}

function measure(): void {
  window.gapMs = Math.max(window.gapMs, performance.now() - heard);
}

const [asking, told] = [await connect(), await connect()];
read(asking, 'random pages', (line) => {
  measure();
  heard = performance.now();
  window.requests += 1;
  if (!/^\d+ ok \d+$/.test(line)) window.wrong += 1;
  setTimeout(() => asking.write('get 1\n'), EVERY_MS);
});
read(told, 'questions', (line) => say({ answer: line.split(' ').slice(1) }));
heard = performance.now();
asking.write('get 1\n');

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line !== 'mark') {
      told.write(`${line} 1\n`);
      return;
    }
    measure();
    say(window);
    window = { requests: 0, wrong: 0, gapMs: 0 };
  })
  .on('close', () => process.exit(0));
