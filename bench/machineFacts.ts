import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { run } from '../lab/machine/run.ts';
import type { Lab } from '../lab/state.ts';
import { shellOn } from './contenders/deviceShell.ts';
import type { Cores } from './cores.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/** The machine itself. */
export interface HostFacts {
  processor: string;
  processors: number;
  memoryBytes: number;
  kernel: string;
  node: string;
}

/** What figures were taken on. */
export interface MachineFacts extends HostFacts {
  /** Of the devices' file system. */
  versions: Record<string, string>;
  /** Which core was whose; null when all ran everywhere. */
  cores: Cores | null;
}

export async function machineFacts(lab: Lab, cores: Cores | null): Promise<MachineFacts> {
  const [device = ''] = lab.devices;
  const commands = {
    criu: 'criu --version',
    runc: 'runc --version',
    docker: 'docker --version',
    podman: 'podman --version',
  };
  const versions = await Promise.all(
    Object.entries(commands).map(async ([name, command]) => {
      const said = await shellOn(lab, device, command);
      return [name, /\d+(\.\d+)+/.exec(said)?.[0] ?? said] as const;
    }),
  );
  return { ...hostFacts(), versions: Object.fromEntries(versions), cores };
}

export function hostFacts(): HostFacts {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
  };
}

/** The commit that the checkout is at, with `+` when it differs from it; empty when there is no git. */
export async function commitOf(): Promise<string> {
  const git = (...args: string[]) =>
    run('git', ['-C', CHECKOUT, ...args]).then(({ stdout }) => stdout.trim());
  try {
    const changed = (await git('status', '--porcelain')) !== '';
    return `${await git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return '';
  }
}
