import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ComputeUsage } from '../core/checkCompatibility.ts';
import type { ComputeSpec } from '../core/compute.ts';
import { findBlockers } from './checkpoint/findBlockers.ts';
import { findFreezer, pidsOf } from './checkpoint/cgroupFreezer.ts';
import type { ContainerFacts, Engine } from './engine/types.ts';
import { measureMemory } from './memory/measureMemory.ts';
import { usedBytes } from './usedBytes.ts';

const run = promisify(execFile);

/** Measures what a compute holds on this device, and what stands against moving it. */
export async function measureUsage(engine: Engine, spec: ComputeSpec): Promise<ComputeUsage> {
  const facts = await engine.facts(spec.id);
  if (!facts || facts.state !== 'running' || facts.pid === 0)
    return { name: spec.name, running: false, memoryBytes: 0, diskBytes: 0, blockers: [] };
  const [resident, inTmpfs, diskBytes, blockers] = await Promise.all([
    residentBytes(facts.pid),
    tmpfsBytes(facts),
    measureDisk(facts),
    findBlockers(spec.name, facts.pid),
  ]);
  return { name: spec.name, running: true, memoryBytes: resident + inTmpfs, diskBytes, blockers };
}

/** What a compute has written to its layer and its volumes, bytes. */
export function measureDisk({ upperDir, volumes }: ContainerFacts): Promise<number> {
  return diskUse([upperDir, ...volumes.map(({ directory }) => directory)]);
}

/** Resident memory of all processes of a container, bytes. */
async function residentBytes(pid: number): Promise<number> {
  return (await measureMemory(await pidsOf(await findFreezer(pid)))).residentBytes;
}

/** What lies in its file systems in memory, bytes. */
async function tmpfsBytes({ pid, tmpfs }: ContainerFacts): Promise<number> {
  const used = await Promise.all(tmpfs.map(({ path }) => usedBytes(`/proc/${pid}/root${path}`)));
  return used.reduce((sum, bytes) => sum + bytes, 0);
}

async function diskUse(directories: string[]): Promise<number> {
  // A file that vanishes meanwhile makes du complain, not the sum wrong.
  const { stdout } = await run('du', ['-scB1', '--one-file-system', ...directories]).catch(
    (error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  );
  return Number(/^(\d+)\ttotal$/m.exec(stdout)?.[1] ?? 0);
}
