/**
 * Runs on the client host: asks the sample application at HOST for its counter, every 5 ms on a connection of its own, and says
 * each answer that is another than the one before, or comes after a second of silence: `{"counter": ..., "atMs": ...}`, by
 * this program's monotonic clock.
 */
import { connect } from 'node:net';
import { stdout } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

const PORT = 7000;
const EVERY_MS = 5;
/** Who has not answered by then will not: nothing is on the way for longer, milliseconds. */
const PATIENCE_MS = 200;
const SILENCE_MS = 1000;

const [host = ''] = process.argv.slice(2);

function ask(): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: PORT, timeout: PATIENCE_MS }, () => socket.write('get 1\n'));
    let said = '';
    const end = (counter: number | null) => {
      socket.destroy();
      resolve(counter);
    };
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.endsWith('\n')) end(Number(said.trim().split(' ')[1]));
    });
    socket
      .once('timeout', () => end(null))
      .once('error', () => end(null))
      .once('end', () => end(null));
  });
}

let [last, heardMs] = [-1, 0];
for (;;) {
  const counter = await ask();
  const atMs = performance.now();
  if (counter !== null) {
    if (counter !== last || atMs - heardMs > SILENCE_MS)
      stdout.write(`${JSON.stringify({ counter, atMs })}\n`);
    [last, heardMs] = [counter, atMs];
  }
  await pause(EVERY_MS);
}
