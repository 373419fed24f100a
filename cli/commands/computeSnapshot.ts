import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeWebStream } from 'node:stream/web';
import type { Command } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import type { PublishedPort } from '../../core/publishedPorts.ts';
import { ALL, openClient } from '../client.ts';
import { CommandFailed, Exit, usageError } from '../exit.ts';
import { ago, details, formatMs, type JsonFlag, print, startProgress, subcommand } from '../output.ts';
import { publishedPort } from '../parse.ts';
import { table } from '../table.ts';
import { waitForCompute, waitForSnapshot } from '../wait.ts';

type Snapshot = Schemas['Snapshot'];

interface CreateFlags extends JsonFlag {
  name?: string;
  note?: string;
  endSessions?: boolean;
  detach?: boolean;
}

interface RestoreFlags extends JsonFlag {
  name: string;
  device?: string;
  port?: PublishedPort[];
  detach?: boolean;
}

/** `drayage compute snapshot ...` */
export function registerSnapshot(compute: Command): void {
  const snapshot = compute
    .command('snapshot')
    .description('memory and files of a compute at one moment, of which others are made');

  subcommand(snapshot, 'create <compute>', 'make a snapshot of a running compute, which runs on')
    .option('--name <name>', "what it is called; without it the compute's name and the time")
    .option('--note <text>', 'what it is for')
    .option('--end-sessions', 'end what somebody runs inside the compute (exec)')
    .option('--detach', 'do not wait until it is ready')
    .action(create);

  subcommand(snapshot, 'ls', 'list snapshots, newest first')
    .option('--compute <compute>', 'only those of this one')
    .action(async ({ compute: of, ...flags }: JsonFlag & { compute?: string }) => {
      const client = await openClient();
      const query = { ...ALL.params.query, compute: of };
      print(flags, await client.get('/snapshots', { params: { query } }), ({ items }) =>
        table(['NAME', 'ID', 'COMPUTE', 'STATE', 'SIZE', 'FROZEN', 'MADE', 'NOTE'], items.map(row)),
      );
    });

  subcommand(snapshot, 'show <snapshot>', 'show a snapshot').action(async (id: string, flags: JsonFlag) => {
    const client = await openClient();
    print(flags, await client.get('/snapshots/{id}', { params: { path: { id } } }), describe);
  });

  subcommand(snapshot, 'restore <snapshot>', 'make a compute of it, which goes on from there')
    .requiredOption('--name <name>', 'what the compute is called')
    .option('--device <device>', 'where; without it one that can take it is chosen')
    .option(
      '--port <HOST:COMPUTE>',
      "a port of every device's that leads there, HOST:COMPUTE/udp for UDP; may be given several times",
      publishedPort,
    )
    .option('--detach', 'do not wait until it runs')
    .action(restore);

  subcommand(
    snapshot,
    'export <snapshot> <file>',
    'write it to a tar, with all secrets that are in its memory; - is standard output',
  ).action(exportSnapshot);

  subcommand(snapshot, 'import <file>', 'take in what was exported; - is standard input')
    .option('--name <name>', 'what it is called here; without it what it was called')
    .option('--trust', "also what another installation has written (the operator's)")
    .action(importSnapshot);

  subcommand(snapshot, 'rm <snapshot>', 'delete a snapshot').action(async (id: string, flags: JsonFlag) => {
    const client = await openClient();
    await client.delete('/snapshots/{id}', { params: { path: { id } } });
    print(flags, { removed: id }, () => `${id} was deleted`);
  });
}

async function create(
  compute: string,
  { name, note, endSessions, detach, ...flags }: CreateFlags,
): Promise<void> {
  const client = await openClient();
  const params = { path: { id: compute } };
  const accepted = await client.post('/computes/{id}/snapshots', {
    ...{ params, body: { name, note, endSessions } },
  });
  if (detach === true) return print(flags, accepted, ({ id }) => id);
  const made = await waitForSnapshot(client, accepted.id);
  if (made.state === 'failed')
    throw new CommandFailed(Exit.failed, made.causes, `the snapshot of ${compute} was not made`);
  print(
    flags,
    made,
    (view) =>
      `${view.name} is ready: ${formatBytes(view.bytes)}; ${view.compute.name} stood still for ${formatMs(view.frozenMs)} (${view.id})`,
  );
}

async function restore(id: string, { name, device, port, detach, ...flags }: RestoreFlags): Promise<void> {
  const client = await openClient();
  const body = { name, device, ports: port };
  const accepted = await client.post('/snapshots/{id}/restore', { params: { path: { id } }, body });
  if (detach === true) return print(flags, accepted, (answer) => answer.id);
  const made = await waitForCompute(client, accepted.id, ['running', 'failed', 'stopped', 'lost']);
  if (made.state !== 'running') {
    const own = { code: 'computeFailed', message: `${made.name}: ${made.reason || made.state}`, mend: '' };
    throw new CommandFailed(
      Exit.failed,
      made.causes.length > 0 ? made.causes : [own],
      `${name} was not restored`,
    );
  }
  print(flags, made, (view) => `${view.name} runs on ${view.device.name} with ${view.ip} (${view.id})`);
}

async function exportSnapshot(id: string, file: string, flags: JsonFlag): Promise<void> {
  const client = await openClient();
  const params = { path: { id } };
  const { name, bytes } = await client.get('/snapshots/{id}', { params });
  const { body } = await client.open('/snapshots/{id}/archive', { params });
  const progress = startProgress();
  const count = counted((written) => progress.say(`${shareOf(written, bytes)} written`));
  try {
    const source = Readable.fromWeb(body as NodeWebStream);
    if (file === '-') return await pipeline(source, count, unended(process.stdout));
    await writeWhole(file, source, count);
  } finally {
    progress.end();
  }
  print(
    flags,
    { exported: name, file },
    () => `${name} is in ${file}; it holds the compute's memory in clear`,
  );
}

/** The file is there as a whole, or not at all. */
async function writeWhole(file: string, source: Readable, count: Transform): Promise<void> {
  const partial = `${file}.part`;
  try {
    await pipeline(source, count, createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Standard output, which is not ended with what is written to it. */
function unended(stream: Writable): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (stream.write(chunk)) done();
      else stream.once('drain', () => done());
    },
  });
}

async function importSnapshot(
  file: string,
  { name, trust, ...flags }: JsonFlag & { name?: string; trust?: boolean },
): Promise<void> {
  const client = await openClient();
  const progress = startProgress();
  const source: Readable = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 2 ** 18 });
  const total =
    file === '-'
      ? null
      : await stat(file).then(
          ({ size }) => size,
          () => null,
        );
  const count = counted((sent) => progress.say(`${shareOf(sent, total)} sent`));
  const broken: { error: NodeJS.ErrnoException | null } = { error: null };
  source.once('error', (error: NodeJS.ErrnoException) => {
    broken.error = error;
    count.destroy(error);
  });
  try {
    const made = await client.post('/snapshots', {
      params: { query: { name, trust: trust === true ? 'true' : undefined } },
      headers: { 'content-type': 'application/x-tar' },
      body: Readable.toWeb(source.pipe(count)) as ReadableStream<Uint8Array>,
    });
    print(flags, made, (view) => `${view.name} is imported: ${view.id}, ${formatBytes(view.bytes)}`);
  } catch (error) {
    if (broken.error === null) throw error;
    throw usageError(
      `${file} cannot be read: ${broken.error.message}.`,
      'Give the path of an exported snapshot.',
    );
  } finally {
    progress.end();
    source.destroy();
  }
}

/** In steps that are worth a line: of a whole that is known its twentieths. */
function shareOf(bytes: number, total: number | null): string {
  if (total === null || total === 0) return formatBytes(bytes);
  return `${String(Math.min(100, Math.floor((bytes / total) * 20) * 5))} % of ${formatBytes(total)}`;
}

/** Passes data on and tells how much it was. */
function counted(tell: (bytes: number) => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      tell((bytes += chunk.length));
      done(null, chunk);
    },
  });
}

function row(view: Snapshot): string[] {
  const { name, id, compute, state, bytes, frozenMs, createdAt, note } = view;
  return [name, id, compute.name, state, formatBytes(bytes), formatMs(frozenMs), ago(createdAt), note];
}

function describe(view: Snapshot): string {
  return details([
    ['name', view.name],
    ['id', view.id],
    ['state', view.reason === '' ? view.state : `${view.state}: ${view.reason}`],
    ...view.causes.map(({ message, mend }): [string, string] => ['cause', `${message} ${mend}`]),
    ['note', view.note],
    ['compute', `${view.compute.name} (${view.compute.id})`],
    ['device', view.device?.name ?? (view.imported ? 'imported' : undefined)],
    ['image', view.image.name ?? view.image.digest],
    ['size', formatBytes(view.bytes)],
    ['memory', view.memoryBytes === null ? undefined : formatBytes(view.memoryBytes)],
    ['stood still', formatMs(view.frozenMs)],
    ['taken', view.takenAt === null ? undefined : ago(view.takenAt)],
    ['made', ago(view.createdAt)],
  ]);
}
