import { Transform, Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { Answer } from '../../client/createClient.ts';
import { type Runtime, runtimeSchema } from '../../core/appManifest.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { ALL, openClient } from '../client.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { ago, details, type JsonFlag, print, startProgress, subcommand } from '../output.ts';
import { oneLine, table } from '../table.ts';
import { packFolder } from '../packFolder.ts';
import { waitForApp } from '../wait.ts';

interface UploadFlags extends JsonFlag {
  name?: string;
  runtime?: Runtime;
  device?: string;
  detach?: boolean;
}

type AppWithLog = Answer<'/apps/{id}', 'get'>;

/** `drayage app ...` */
export function defineApp(app: Command): void {
  subcommand(app, 'upload <folder>', 'build an application from its folder (or a tar of it), and run it')
    .option('--name <name>', "what its compute is called; without it drayage.json's name")
    .addOption(
      new Option('--runtime <runtime>', "what it runs on; without it drayage.json's runtime").choices(
        runtimeSchema.options,
      ),
    )
    .option('--device <device>', 'where; without it the one with the most memory is chosen')
    .option('--detach', 'do not wait until it runs')
    .addHelpText(
      'after',
      '\nIn the folder: drayage.json, such as {"start": ["node", "server.js"], "ports": [{"compute": 8080}]}.',
    )
    .action(upload);

  subcommand(app, 'ls', 'list applications, newest first').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/apps', ALL);
    print(flags, page, ({ items }) =>
      table(['NAME', 'ID', 'RUNTIME', 'STATE', 'DEVICE', 'COMPUTE', 'UPLOADED'], items.map(row)),
    );
  });

  subcommand(app, 'show <app>', 'show an application with the log of its build').action(
    async (name: string, flags: JsonFlag) => {
      const client = await openClient();
      const shown = await client.get('/apps/{id}', { params: { path: { id: name } } });
      print(flags, shown, describe);
    },
  );
}

async function upload(
  folder: string,
  { name, runtime, device, detach, ...flags }: UploadFlags,
): Promise<void> {
  const client = await openClient();
  const source = await packFolder(folder);
  const progress = startProgress();
  let sent = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      progress.say(`${formatBytes((sent += chunk.length))} sent`);
      done(null, chunk);
    },
  });
  source.once('error', (error) => count.destroy(error));
  let broken: unknown = null;
  count.once('error', (error) => (broken = error));
  let id: string;
  try {
    const accepted = await client.post('/apps', {
      params: { query: { name, runtime, device } },
      headers: { 'content-type': 'application/octet-stream' },
      body: Readable.toWeb(source.pipe(count)) as ReadableStream<Uint8Array>,
    });
    if (detach === true) {
      print(flags, accepted, (answer) => answer.id);
      return;
    }
    ({ id } = accepted);
  } catch (error) {
    throw broken ?? error;
  } finally {
    progress.end();
    source.destroy();
  }
  const ended = await waitForApp(client, id);
  if (ended.state === 'failed')
    throw new CommandFailed(Exit.failed, ended.causes, `${ended.name} could not be built`);
  print(flags, ended, (view) => `${view.name} is running on ${view.device.name} (${view.compute?.id ?? ''})`);
}

function row(view: Omit<AppWithLog, 'log'>): string[] {
  const { name, id, runtime, state, device, compute, createdAt } = view;
  return [name, id, runtime, state, device.name, compute?.name ?? '', ago(createdAt)];
}

function describe({ log, ...view }: AppWithLog): string {
  const about = details([
    ['name', view.name],
    ['id', view.id],
    ['state', view.reason === '' ? view.state : `${view.state}: ${view.reason}`],
    ...view.causes.map(({ message, mend }): [string, string] => ['cause', `${message} ${mend}`]),
    ['runtime', view.runtime],
    ['start', view.start.join(' ')],
    [
      'ports',
      view.ports
        .map(
          ({ compute, host, protocol }) =>
            `${host === undefined ? '' : `${String(host)}:`}${String(compute)}/${protocol}`,
        )
        .join(', '),
    ],
    ['device', view.device.name],
    ['files', formatBytes(view.bytes)],
    ['image', view.image?.name],
    ['compute', view.compute?.name],
    ['uploaded', ago(view.createdAt)],
  ]);
  return [about, ...(log.length === 0 ? [] : ['', ...log.map(oneLine)])].join('\n');
}
