import { type Command, Option } from 'commander';
import type { Body } from '../../client/createClient.ts';
import { openClient } from '../client.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { type HealthFlags, healthCheckOf, withHealthOptions } from '../healthFlags.ts';
import { type JsonFlag, print, subcommand } from '../output.ts';
import { collect, keyValue, memorySize, positiveNumber, restartPolicy, wholeNumber } from '../parse.ts';
import { waitForUpdate } from '../wait.ts';

// `--no-health` gives false.
interface UpdateFlags extends JsonFlag, Omit<HealthFlags, 'health'> {
  memory?: number;
  cpus?: number;
  pids?: number;
  label?: Record<string, string>;
  removeLabel?: string[];
  restart?: Body<'/computes/{id}', 'patch'>['restartPolicy'];
  health?: string | false;
  detach?: boolean;
}

/** `drayage compute update` */
export function registerUpdate(compute: Command): void {
  const update = subcommand(compute, 'update <compute>', 'change a compute as it runs')
    .option('--memory <size>', 'limit, e.g. 256m', memorySize)
    .option('--cpus <n>', 'limit, e.g. 0.5', positiveNumber)
    .option('--pids <n>', 'most processes and threads', wholeNumber(1, 4_194_304))
    .option('--label <K=V>', 'set a label; may be given several times', keyValue)
    .option('--remove-label <K>', 'take a label away; may be given several times', collect)
    .option('--restart <policy>', 'no, always, on-failure or on-failure:N', restartPolicy);
  withHealthOptions(update)
    .addOption(new Option('--no-health', 'take its health check away').default(undefined))
    .option('--detach', 'do not wait until it is changed')
    .action(change);
}

async function change(name: string, flags: UpdateFlags): Promise<void> {
  const client = await openClient();
  const removed = (flags.removeLabel ?? []).map((key) => [key, null] as const);
  const labels = { ...flags.label, ...Object.fromEntries(removed) };
  const { health, ...rest } = flags;
  const body = {
    memoryBytes: flags.memory,
    cpus: flags.cpus,
    pids: flags.pids,
    labels: Object.keys(labels).length > 0 ? labels : undefined,
    restartPolicy: flags.restart,
    healthCheck: health === false ? null : healthCheckOf(health === undefined ? rest : { ...rest, health }),
  };
  const accepted = await client.patch('/computes/{id}', { params: { path: { id: name } }, body });
  if (flags.detach === true) {
    print(flags, accepted, ({ id }) => id);
    return;
  }
  const now = await waitForUpdate(client, accepted.id);
  if (now.lastUpdate?.state === 'refused')
    throw new CommandFailed(Exit.failed, now.lastUpdate.causes, `${now.name} could not be changed`);
  print(flags, now, (view) => `${view.name} was changed`);
}
