/**
 * The demo's client, a program of its own:   node lab/demo/client/main.ts --host IP [--lines N] [--interval MS]
 * On stdin `mark NAME` ends a window; `end`, or the end of the input, ends the talk. stdout: one JSON object per line
 * (report.ts). Exit code 0: every answer was right and every connection kept.
 */
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Talk } from './talk.ts';

/** The client stands for a machine of its own: it should not have to wait for the devices' processors. */
const NICENESS = -10;

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    lines: { type: 'string', default: '4' },
    interval: { type: 'string', default: '5' },
  },
});

try {
  setPriority(NICENESS);
} catch {
  // Not root: what is measured is only a little less exact.
}

const options = { host: values.host, lines: Number(values.lines), intervalMs: Number(values.interval) };
const talk = new Talk(options, (line) => process.stdout.write(`${JSON.stringify(line)}\n`));
// A terminal's Ctrl-C goes to whoever started this too; they end the input when they are done.
process.on('SIGINT', () => {});
// Without a reader there is nothing left to do.
process.stdout.on('error', () => process.exit(1));

await talk.begin();
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  if (line.startsWith('mark ')) talk.mark(line.slice('mark '.length));
}
process.exit((await talk.end()) ? 0 : 1);
