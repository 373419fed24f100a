import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { MANIFEST_NAME } from '../core/appManifest.ts';
import { DrayageError } from '../core/cause.ts';
import { usageError } from './exit.ts';

/** Patterns of GNU tar, one a line: files of the folder that stay behind. */
const IGNORE_NAME = '.drayageignore';

/** More of what tar says is not kept. */
const SAID_CHARACTERS = 1000;

/**
 * The bytes of an application's archive: a folder is packed with tar while it is read, but for .git and what .drayageignore
 * names; an archive is sent as it is. @throws CommandFailed when there is no such thing, or no manifest in the folder
 */
export async function packFolder(path: string): Promise<Readable> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() === true) return createReadStream(path);
  if (found?.isDirectory() !== true)
    throw usageError(`There is no folder or archive ${path}.`, "Give the path of the application's folder.");
  if (!(await exists(join(path, MANIFEST_NAME))))
    throw usageError(
      `There is no ${MANIFEST_NAME} in ${path}.`,
      'Write one, such as {"start": ["node", "server.js"], "ports": [{"compute": 8080}]}; docs/applications.md tells more.',
    );
  const ignored = join(path, IGNORE_NAME);
  return runTar([
    '--create',
    '--gzip',
    '--file=-',
    `--directory=${path}`,
    '--exclude=./.git',
    ...((await exists(ignored)) ? [`--exclude-from=${ignored}`] : []),
    '.',
  ]);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** What tar writes; fails when tar does, so that half an archive is never taken for a whole one. */
function runTar(args: string[]): Readable {
  const child = spawn('tar', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const out = new PassThrough();
  let said = '';
  const fail = (why: string) =>
    out.destroy(
      new DrayageError({ code: 'tarFailed', message: `The folder cannot be packed: ${why}`, mend: '' }),
    );
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_CHARACTERS);
  });
  child.stdout.pipe(out, { end: false });
  child.once('error', (error) => fail(error.message));
  child.once('close', (code) => {
    if (code === 0) out.end();
    else fail(said.trim());
  });
  out.once('close', () => child.kill());
  return out;
}
