import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeWebStream } from 'node:stream/web';
import type { Command } from 'commander';
import { z } from 'zod';
import { openClient } from '../client.ts';
import { type JsonFlag, subcommand } from '../output.ts';
import { wholeNumber } from '../parse.ts';

const lineSchema = z.object({ stream: z.enum(['stdout', 'stderr']), data: z.base64() });

/** `drayage compute logs` */
export function registerLogs(compute: Command): void {
  subcommand(compute, 'logs <compute>', 'what a compute wrote to stdout and stderr, also before it was moved')
    .option('-f, --follow', 'go on until it ends')
    .option('--tail <n>', 'only the last lines', wholeNumber(0, 1_000_000))
    .action(async (name: string, flags: JsonFlag & { follow?: boolean; tail?: number }) => {
      const client = await openClient();
      const query = { follow: flags.follow === true ? '1' : '0', tail: flags.tail?.toString() };
      const body = await client.stream(`/computes/${encodeURIComponent(name)}/logs`, { query });
      const input = Readable.fromWeb(body as NodeWebStream);
      // `logs | head`: the reader has enough.
      process.stdout.once('error', () => input.destroy());
      for await (const line of createInterface({ input, crlfDelay: Infinity })) {
        if (line === '') continue;
        if (flags.json === true) process.stdout.write(`${line}\n`);
        else {
          const { stream, data } = lineSchema.parse(JSON.parse(line));
          process[stream].write(Buffer.from(data, 'base64'));
        }
      }
    });
}
