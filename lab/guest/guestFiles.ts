import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayageError } from '../../core/cause.ts';
import { inCgroup } from '../deviceProcess.ts';
import { launch } from '../machine/launch.ts';
import { run } from '../machine/run.ts';
import type { Lab } from '../state.ts';
import { sshfs } from './ssh.ts';

const MOUNT_TIMEOUT_MS = 300_000;

/** Shows a guest's files on this machine; done before: nothing. */
export async function mountGuest(lab: Lab, device: string): Promise<void> {
  const folder = lab.paths.deviceRoot(device);
  if ((await mountsBelow(folder)).length > 0) return;
  await mkdir(folder, { recursive: true });
  const command = await inCgroup(`${lab.names.cgroup}/${device}/files`, sshfs(lab, device, folder));
  if ((await launch(command, MOUNT_TIMEOUT_MS)) === 0) return;
  throw new DrayageError({
    code: 'guestFilesHidden',
    message: `The files of guest ${device} cannot be mounted on ${folder}.`,
    mend: `Try it by hand: ${command.slice(-8).join(' ')}`,
  });
}

/** Takes away all guests' files at or below a folder, whether their guests answer or not. */
export async function unmountGuests(folder: string): Promise<void> {
  for (const mount of await mountsBelow(folder)) await run('umount', ['--lazy', mount]);
}

async function mountsBelow(folder: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines
    .filter((line) => line.includes(' - fuse.sshfs '))
    .flatMap((line) => line.split(' ')[4] ?? [])
    .filter((mount) => mount === folder || mount.startsWith(join(folder, '/')));
}
