import { readFile, statfs } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ComputeUsage } from '../core/checkCompatibility.ts';
import type { ComputeSpec } from '../core/compute.ts';
import { findBlockers } from './checkpoint/findBlockers.ts';
import { findFreezer, pidsOf } from './checkpoint/cgroupFreezer.ts';
import type { ContainerFacts, Engine } from './engine/types.ts';

const run = promisify(execFile);

/** Measures what a compute holds on this device, and what stands against moving it. */
export async function measureUsage(engine: Engine, spec: ComputeSpec): Promise<ComputeUsage> {
  const facts = await engine.facts(spec.id);
  if (!facts || facts.state !== 'running' || facts.pid === 0)
    return { name: spec.name, running: false, memoryBytes: 0, diskBytes: 0, blockers: [] };
  const directories = [facts.upperDir, ...facts.volumes.map(({ directory }) => directory)];
  const [resident, inTmpfs, diskBytes, blockers] = await Promise.all([
    residentBytes(facts.pid),
    tmpfsBytes(facts),
    diskUse(directories),
    findBlockers(spec.name, facts.pid),
  ]);
  return { name: spec.name, running: true, memoryBytes: resident + inTmpfs, diskBytes, blockers };
}

/** Proportional set size of all processes of a container, bytes. */
async function residentBytes(pid: number): Promise<number> {
  let total = 0;
  for (const one of await pidsOf(await findFreezer(pid))) {
    const rollup = await readFile(`/proc/${one}/smaps_rollup`, 'utf8').catch(() => '');
    total += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
  }
  return total;
}

/** What lies in its file systems in memory, bytes. */
async function tmpfsBytes({ pid, tmpfs }: ContainerFacts): Promise<number> {
  let total = 0;
  for (const { path } of tmpfs) {
    const found = await statfs(`/proc/${pid}/root${path}`).catch(() => null);
    if (found) total += (found.blocks - found.bfree) * found.bsize;
  }
  return total;
}

async function diskUse(directories: string[]): Promise<number> {
  // A file that vanishes meanwhile makes du complain, not the sum wrong.
  const { stdout } = await run('du', ['-scB1', '--one-file-system', ...directories]).catch(
    (error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  );
  return Number(/^(\d+)\ttotal$/m.exec(stdout)?.[1] ?? 0);
}
