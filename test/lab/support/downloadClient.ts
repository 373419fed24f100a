/**
 * Runs on the client host: fetches BYTES from HOST:PORT over one connection, at a slow pace until it reads a line, and
 * checks every byte. Says `begun` with the first byte, and last how many were right: `{"bytes": ..., "wrong": ...}`.
 */
import { connect } from 'node:net';
import { stdin, stdout } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

const PERIOD = 251;
/** Between two reads while it is slow, milliseconds: 64 KiB each, so that 100 MB would take over half a minute. */
const SLOW_MS = 25;

const [host = '', port, size] = process.argv.slice(2);
let slow = true;
stdin.once('data', () => (slow = false));
const socket = connect(Number(port), host, () => socket.write(`${size}\n`));
let [bytes, wrong] = [0, 0];
for await (const chunk of socket as AsyncIterable<Buffer>) {
  if (bytes === 0) stdout.write('begun\n');
  for (const byte of chunk) wrong += byte === bytes++ % PERIOD ? 0 : 1;
  if (slow) await pause(SLOW_MS);
}
stdout.write(`${JSON.stringify({ bytes, wrong })}\n`, () => process.exit());
