/**
 * Listens to lines that the sample application sends unasked, a program for the client host:   node listenToPushes.ts HOST
 * stdin: `count` and `end`. stdout, a line for each: what it has seen so far, JSON. It never connects again: `lost` stays.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { SAMPLE_LINE_PORT } from '../../lab/sample/sampleProtocol.ts';

/** `lines` that came; how many of them were not the successor of the one before; whether the connection ended. */
const seen = { lines: 0, wrong: 0, lost: false };
let expected: number | null = null;

const socket = connect({ host: process.argv[2] ?? '', port: SAMPLE_LINE_PORT, noDelay: true });
socket.on('error', () => (seen.lost = true));
socket.once('close', () => (seen.lost = true));
socket.write('push 1\n');
createInterface({ input: socket }).on('line', (line) => {
  const number = Number(/^push ([0-9]+)$/.exec(line)?.[1] ?? Number.NaN);
  // The answer to the request itself.
  if (Number.isNaN(number) && seen.lines === 0) return;
  if (Number.isNaN(number) || (expected !== null && number !== expected)) seen.wrong += 1;
  seen.lines += 1;
  expected = number + 1;
});

for await (const command of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  if (command === 'end') break;
}
socket.destroy();
