import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayageError } from '../../core/cause.ts';
import { until } from '../../core/until.ts';
import { deviceInit, inCgroup, readBoot, type Boot, type Command } from '../deviceProcess.ts';
import { launch } from '../machine/launch.ts';
import { namespacePath } from '../machine/network.ts';
import { commandLine, identify } from '../machine/processes.ts';
import { run } from '../machine/run.ts';
import { plugInGuest } from '../network.ts';
import type { Lab } from '../state.ts';
import { EMULATORS, type GuestArchitecture } from './architecture.ts';
import { makeCodeDisk } from './codeDisk.ts';
import { mountGuest, unmountGuests } from './guestFiles.ts';
import { qemuCommand } from './qemu.ts';
import { overSsh, prepareSsh, publicKey } from './ssh.ts';

/** An emulated processor boots in a minute of its own; on a machine that does much else it gets little of one. */
const BOOT_TIMEOUT_MS = 7_200_000;
const LOOK_MS = 1_000;
/** A guest that is being booted takes connections before it can answer. */
const TRY_MS = 660_000;

/** What the lab's guests share: a key to sign in with, and the disk with the checkout. Before the first of them starts. */
export async function prepareGuests(lab: Lab): Promise<void> {
  await prepareSsh(lab);
  await makeCodeDisk(lab);
}

/** Boots a device that is a guest, unless it runs, and resolves once root can sign in and its files are to be seen. */
export async function startGuest(lab: Lab, device: string, architecture: GuestArchitecture): Promise<void> {
  if ((await deviceInit(lab, device)) === null) await boot(lab, device, architecture);
  await until(`${device} to let root in`, BOOT_TIMEOUT_MS, () => letsIn(lab, device), LOOK_MS);
  await mountGuest(lab, device);
}

async function boot(lab: Lab, device: string, architecture: GuestArchitecture): Promise<void> {
  await mkdir(lab.paths.device(device), { recursive: true });
  const before = (await readBoot(lab, device))?.boot ?? 0;
  if (before === 0) await prepareDisk(lab, device);
  await unmountGuests(lab.paths.deviceRoot(device));
  await plugInGuest(lab, device);
  const guest = { lab, device, architecture, publicKey: await publicKey(lab) };
  const pid = await spawnQemu(lab, device, qemuCommand(guest), EMULATORS[architecture].program);
  const identity = await identify(pid);
  if (identity === null) throw await bootFailed(lab, device);
  const record: Boot = { boot: before + 1, ...identity };
  await writeFile(lab.paths.boot(device), JSON.stringify(record));
}

/** The guest's own copy of the file system. */
async function prepareDisk(lab: Lab, device: string): Promise<void> {
  const disk = lab.paths.disk(device);
  await rm(disk, { force: true });
  await run('cp', ['--sparse=always', '--reflink=auto', join(lab.rootfs, 'root.img'), disk], {
    timeoutMs: 300_000,
  });
}

/** Resolves with the id of the QEMU process, in the switch's namespace, where the guest's first card is a tap. */
async function spawnQemu(lab: Lab, device: string, qemu: Command, program: string): Promise<number> {
  const [file, ...args] = await inCgroup(`${lab.names.cgroup}/${device}/init`, [
    ...(['nsenter', `--net=${namespacePath(lab.names.switchNamespace)}`, '--'] as const),
    ...qemu,
  ]);
  const log = await open(join(lab.paths.device(device), 'qemu.log'), 'w');
  const child = spawn(file, args, { stdio: ['ignore', log.fd, log.fd], detached: true });
  child.unref();
  await log.close();
  return until(`QEMU of ${device} to start`, TRY_MS, async () => {
    if (child.exitCode !== null) throw await bootFailed(lab, device);
    // Every step up to QEMU is an exec: the process stays the same.
    return (await commandLine(child.pid ?? 0))[0] === program ? child.pid : false;
  });
}

async function letsIn(lab: Lab, device: string): Promise<boolean> {
  if ((await deviceInit(lab, device)) === null) throw await bootFailed(lab, device);
  // The connection stays for all that comes after.
  const command = await inCgroup(`${lab.names.cgroup}/${device}/ssh`, overSsh(lab, device, 'true'));
  return (await launch(command, TRY_MS)) === 0;
}

async function bootFailed(lab: Lab, device: string): Promise<DrayageError> {
  const words = await Promise.all(
    [join(lab.paths.device(device), 'qemu.log'), lab.paths.bootLog(device)].map((path) =>
      readFile(path, 'utf8').catch(() => ''),
    ),
  );
  return new DrayageError({
    code: 'deviceDidNotBoot',
    message: `Guest ${device} did not boot: ${words.join('\n').trim().slice(-1_000)}`,
    mend: `All of its words are in ${lab.paths.bootLog(device)}.`,
  });
}
