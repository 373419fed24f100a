import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import type { Command } from 'commander';
import type { Schemas } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { ALL, openClient } from '../client.ts';
import { usageError } from '../exit.ts';
import { ago, type JsonFlag, print, startProgress, subcommand, table } from '../output.ts';
import { collect } from '../parse.ts';

interface ImportFlags extends JsonFlag {
  name: string;
  cmd?: string[];
  entrypoint?: string[];
  env?: string[];
  workdir?: string;
}

/** `drayage image ...` */
export function registerImage(program: Command): void {
  const image = program.command('image').description('what computes are made from');

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

  subcommand(image, 'rm <image>', 'remove an image').action(async (name: string, flags: JsonFlag) => {
    const client = await openClient();
    await client.delete('/images/{id}', { params: { path: { id: name } } });
    print(flags, { removed: name }, () => `${name} was removed`);
  });
}

async function importImage(file: string, flags: ImportFlags): Promise<void> {
  const client = await openClient();
  const { name, cmd, entrypoint, env, workdir } = flags;
  const total = file === '-' ? null : await sizeOf(file);
  const progress = startProgress();
  let sent = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      progress.say(
        total === null
          ? `${formatBytes(sent)} sent`
          : `${String(Math.floor((sent / total) * 20) * 5)} % of ${formatBytes(total)} sent`,
      );
      done(null, chunk);
    },
  });
  const source = file === '-' ? process.stdin : createReadStream(file);
  source.once('error', (error: Error) => count.destroy(error));
  try {
    const made = await client.post('/images', {
      params: { query: { name, cmd, entrypoint, env, workdir } },
      headers: { 'content-type': 'application/x-tar' },
      body: Readable.toWeb(source.pipe(count)) as ReadableStream<Uint8Array>,
    });
    print(
      flags,
      made,
      ({ digest, bytes }) => `${made.name} is imported: ${made.id}, ${digest}, ${formatBytes(bytes)}`,
    );
  } finally {
    progress.end();
    source.destroy();
  }
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => null);
  if (found?.isFile() !== true)
    throw usageError(`There is no file ${file}.`, 'Give the path of a tar archive, or - for standard input.');
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
