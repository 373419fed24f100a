/**
 * The benchmark's load client, a program of its own:
 *   node bench/client/main.ts --host IP --port N --connections N --service pages|redis|http
 * A command per line on stdin: `saturate MS`, `rate PER_SECOND`, `mark`, `all`, `work on`, `work off`; each is answered
 * with one line of JSON on stdout (report.ts). The end of the input ends it.
 */
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Load } from './load.ts';
import type { LoadReport, WorkSample } from './report.ts';

/** The client stands for a machine of its own: it should not wait for the others' processes. */
const NICENESS = -10;

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '7000' },
    connections: { type: 'string', default: '16' },
    service: { type: 'string', default: 'pages' },
  },
});
const load = new Load(values.host, Number(values.port), Number(values.connections), values.service);
let endOfWork: (() => Promise<WorkSample[]>) | null = null;

function say(report: LoadReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

async function obey(line: string): Promise<LoadReport> {
  const [word, argument = ''] = line.split(' ');
  switch (word) {
    case 'saturate':
      return { type: 'saturated', requestsPerSecond: await load.saturate(Number(argument)) };
    case 'rate':
      load.setRate(Number(argument));
      return { type: 'rate', requestsPerSecond: Number(argument) };
    case 'mark':
      return load.mark();
    case 'all':
      return { type: 'all', wrongPages: await load.checkAll() };
    case 'work': {
      const samples = (await endOfWork?.()) ?? [];
      endOfWork = argument === 'on' ? await load.watchWork() : null;
      return { type: 'worked', samples };
    }
    default:
      throw new Error(`no such command: ${line}`);
  }
}

try {
  setPriority(NICENESS);
} catch {
  // Not root: what is measured is only a little less exact.
}
// A terminal's Ctrl-C goes to whoever started this too; they end the input when they are done.
process.on('SIGINT', () => {});
process.stdout.on('error', () => process.exit(1));
await load.begin();
say({ type: 'ready' });
for await (const line of createInterface({ input: process.stdin })) {
  say(await obey(line).catch((error: Error) => ({ type: 'failed' as const, message: error.message })));
}
load.close();
process.exit(0);
