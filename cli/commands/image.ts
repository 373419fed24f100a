import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import type { Command } from 'commander';
import type { Client, Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { ALL, openClient } from '../client.ts';
import { CommandFailed, Exit, usageError } from '../exit.ts';
import { ago, type JsonFlag, print, startProgress, subcommand } from '../output.ts';
import { table } from '../table.ts';
import { collect } from '../parse.ts';
import { uploadImage } from '../uploadImage.ts';
import { waitForPull } from '../wait.ts';

interface ImportFlags extends JsonFlag {
  name: string;
  cmd?: string[];
  entrypoint?: string[];
  env?: string[];
  workdir?: string;
}

/** `drayage image ...` */
export function defineImage(image: Command): void {
  subcommand(image, 'ls', 'list images').action(async (flags: JsonFlag) => {
    const client = await openClient();
    const page = await client.get('/images', ALL);
    print(flags, page, ({ items }) => table(['NAME', 'ID', 'DIGEST', 'SIZE', 'IMPORTED'], items.map(row)));
  });

  subcommand(
    image,
    'import <file>',
    'import a tar of `docker save` or of a root file system; - is standard input',
  )
    .requiredOption('--name <name>', 'what the image is called here')
    .option('--cmd <word>', 'command of a root file system; several times for several words', collect)
    .option(
      '--entrypoint <word>',
      'entry point of a root file system; several times for several words',
      collect,
    )
    .option('--env <K=V>', 'environment of a root file system; may be given several times', collect)
    .option('--workdir <path>', 'working directory of a root file system')
    .action(importImage);

  subcommand(
    image,
    'pull <reference>',
    'get an image from a registry, such as registry.example.org/shop/web:1.2',
  )
    .option('--name <name>', 'what the image is called here; without it what it is called there')
    .option(
      '--architecture <architecture>',
      'which of an image for several: amd64, arm64, ...; without it that of the devices',
    )
    .option('--detach', 'do not wait until it has come')
    .action(pullImage);

  subcommand(image, 'rm <image>', 'remove an image').action(async (name: string, flags: JsonFlag) => {
    const client = await openClient();
    await client.delete('/images/{id}', { params: { path: { id: name } } });
    print(flags, { removed: name }, () => `${name} was removed`);
  });
}

async function pullImage(
  reference: string,
  {
    name,
    architecture,
    detach = false,
    ...flags
  }: JsonFlag & { name?: string; architecture?: string; detach?: boolean },
): Promise<void> {
  const client = await openClient();
  const accepted = await client.post('/images/pull', {
    body: { reference, name, architecture },
    headers: { 'idempotency-key': randomUUID() },
  });
  if (detach) return print(flags, accepted, ({ id }) => `${reference} is being pulled: ${id}`);
  const { state, causes, image } = await waitForPull(client, accepted.id);
  if (state === 'failed' || image === null)
    throw new CommandFailed(Exit.failed, causes, `${reference} was not pulled`);
  const made = await client.get('/images/{id}', { params: { path: { id: image.id } } });
  print(
    flags,
    made,
    ({ id, digest, bytes }) => `${made.name} has come: ${id}, ${digest}, ${formatBytes(bytes)}`,
  );
}

async function importImage(file: string, flags: ImportFlags): Promise<void> {
  const client = await openClient();
  const progress = startProgress();
  const say = (words: string) => progress.say(words);
  try {
    const made =
      file === '-' ? await importStream(client, flags, say) : await importFile(client, file, flags, say);
    print(
      flags,
      made,
      ({ digest, bytes }) => `${made.name} is imported: ${made.id}, ${digest}, ${formatBytes(bytes)}`,
    );
  } finally {
    progress.end();
  }
}

async function importFile(
  client: Client,
  path: string,
  { name, cmd, entrypoint, env, workdir }: ImportFlags,
  say: (words: string) => void,
): Promise<Schemas['Image']> {
  const bytes = await sizeOf(path);
  return uploadImage(
    client,
    { path, bytes },
    { name, command: cmd, entrypoint, env, workingDir: workdir },
    say,
  );
}

/** What comes on standard input cannot be read twice, so it is sent in one piece. */
async function importStream(
  client: Client,
  { name, cmd, entrypoint, env, workdir }: ImportFlags,
  say: (words: string) => void,
): Promise<Schemas['Image']> {
  let sent = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      say(`${formatBytes(sent)} sent`);
      done(null, chunk);
    },
  });
  process.stdin.once('error', (error: Error) => count.destroy(error));
  return client.post('/images', {
    params: { query: { name, cmd, entrypoint, env, workdir } },
    headers: { 'content-type': 'application/x-tar' },
    body: Readable.toWeb(process.stdin.pipe(count)) as ReadableStream<Uint8Array>,
  });
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => null);
  if (found?.isFile() !== true || found.size === 0)
    throw usageError(
      found?.isFile() === true ? `${file} is empty.` : `There is no file ${file}.`,
      'Give the path of a tar archive, or - for standard input.',
    );
  return found.size;
}

function row(image: Schemas['Image']): string[] {
  return [
    image.name,
    image.id,
    image.digest.slice(0, 'sha256:'.length + 12),
    formatBytes(image.bytes),
    ago(image.createdAt),
  ];
}
