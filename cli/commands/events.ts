import type { Command } from 'commander';
import type { EventView } from '../../core/api/events.ts';
import { openClient } from '../client.ts';
import { followEvents } from '../followEvents.ts';
import { type JsonFlag, leaf } from '../output.ts';
import { oneLine } from '../table.ts';

interface EventsFlags extends JsonFlag {
  types?: string;
  subject?: string;
}

/** `drayage events` */
export function defineEvents(command: Command): void {
  leaf(command)
    .option('--types <types>', "only these, e.g. 'compute.*,migration.failed'")
    .option('--subject <id>', 'only of what has this id')
    .action(async ({ types, subject, json }: EventsFlags) => {
      const client = await openClient();
      const note = (line: string) => process.stderr.write(`${line}\n`);
      for await (const event of followEvents(client, { types, subject }, note))
        process.stdout.write(`${json === true ? JSON.stringify(event) : lineOf(event)}\n`);
    });
}

function lineOf({ at, type, subject, message }: EventView): string {
  return `${at}  ${type.padEnd(20)}  ${subject}  ${oneLine(message)}`;
}
