import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeWebStream } from 'node:stream/web';
import type { Command } from 'commander';
import { z } from 'zod';
import { logEndSchema, logLineSchema } from '../../core/logLine.ts';
import { openClient } from '../client.ts';
import { type JsonFlag, subcommand } from '../output.ts';
import { wholeNumber } from '../parse.ts';

const itemSchema = z.union([logEndSchema, logLineSchema]);

interface LogFlags extends JsonFlag {
  follow?: boolean;
  tail?: number;
  since?: string;
  timestamps?: boolean;
}

/** `drayage compute logs` */
export function registerLogs(compute: Command): void {
  subcommand(compute, 'logs <compute>', 'what a compute wrote to stdout and stderr, also before it was moved')
    .option('-f, --follow', 'go on until it ends, also over restarts and moves')
    .option('--tail <n>', 'only the last lines', wholeNumber(0, 1_000_000))
    .option('--since <when>', 'from an instant (2026-01-31T12:00:00Z) or from so long ago (10m, 1h30m)')
    .option('--timestamps', 'say in front of each line when it was written')
    .action(async (name: string, flags: LogFlags) => {
      const client = await openClient();
      const query = {
        follow: flags.follow === true ? ('1' as const) : ('0' as const),
        tail: flags.tail,
        since: flags.since,
      };
      const params = { path: { id: name }, query };
      const { body } = await client.open('/computes/{id}/logs', { params });
      const input = Readable.fromWeb(body as NodeWebStream);
      // `logs | head`: the reader has enough.
      process.stdout.once('error', () => input.destroy());
      const show = printer(flags);
      for await (const line of createInterface({ input, crlfDelay: Infinity })) if (line !== '') show(line);
    });
}

function printer(flags: LogFlags): (line: string) => void {
  if (flags.json === true) return (line) => process.stdout.write(`${line}\n`);
  let begins = true;
  return (line) => {
    const item = itemSchema.parse(JSON.parse(line));
    if ('end' in item) {
      process.stderr.write(`${item.end}\n`);
      return;
    }
    const data = Buffer.from(item.data, 'base64');
    if (flags.timestamps === true && begins && item.time !== undefined)
      process[item.stream].write(`${item.time} `);
    process[item.stream].write(data);
    begins = data.at(-1) === 10;
  };
}
