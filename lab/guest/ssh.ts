import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namespacePath } from '../machine/network.ts';
import { run } from '../machine/run.ts';
import type { Lab } from '../state.ts';
import { deviceNames, MAX_DEVICES } from '../topology.ts';

/** Where a guest's sshd is reached: on this address within the switch's namespace, where QEMU runs. */
const SSH_HOST = '127.0.0.1';
const FIRST_SSH_PORT = 2200;

/** Port of a guest's sshd, behind QEMU's user network. */
export function sshPort(device: string): number {
  return FIRST_SSH_PORT + deviceNames(MAX_DEVICES).indexOf(device) + 1;
}

/** Makes the lab's key pair, and the configuration by which ssh reaches its guests by name. */
export async function prepareSsh(lab: Lab): Promise<void> {
  const { key, config } = sshFiles(lab);
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `lab-${lab.name}`, '-f', key]);
  const hosts = lab.devices.map((device) => `Host ${device}\n  Port ${sshPort(device)}\n`);
  const common = [
    `HostName ${SSH_HOST}`,
    'User root',
    `IdentityFile ${key}`,
    'IdentitiesOnly yes',
    // A guest makes its host key at its first boot, behind a wire that nobody else is on.
    'StrictHostKeyChecking no',
    'UserKnownHostsFile /dev/null',
    'LogLevel ERROR',
    'BatchMode yes',
    'ConnectTimeout 600',
    // An emulated processor takes a second for a handshake.
    'ControlMaster auto',
    'ControlPersist yes',
    `ControlPath ${join(lab.paths.root, 'ssh-%n')}`,
  ];
  await writeFile(config, `${hosts.join('')}Host *\n${common.map((line) => `  ${line}\n`).join('')}`);
}

/** The public key that the guests let in. */
export async function publicKey(lab: Lab): Promise<string> {
  return (await readFile(`${sshFiles(lab).key}.pub`, 'utf8')).trim();
}

/** The words that run a shell command line on a guest, as root. */
export function overSsh(lab: Lab, device: string, line: string): [string, ...string[]] {
  return [...inSwitch(lab), 'ssh', '-F', sshFiles(lab).config, device, line];
}

/** The words that show a guest's files below a folder of this machine, each access anew. */
export function sshfs(lab: Lab, device: string, folder: string): [string, ...string[]] {
  const options = 'direct_io,dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0';
  return [...inSwitch(lab), 'sshfs', '-F', sshFiles(lab).config, '-o', options, `${device}:/`, folder];
}

/** A word for a shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function sshFiles(lab: Lab): { key: string; config: string } {
  return { key: join(lab.paths.root, 'ssh-key'), config: join(lab.paths.root, 'ssh-config') };
}

function inSwitch(lab: Lab): [string, ...string[]] {
  return ['nsenter', `--net=${namespacePath(lab.names.switchNamespace)}`, '--'];
}
