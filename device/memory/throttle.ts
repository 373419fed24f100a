import { writeFile } from 'node:fs/promises';
import type { ComputeSpec } from '../../core/compute.ts';
import { findCgroup, type Cgroup } from '../checkpoint/cgroup.ts';
import type { Engine } from '../engine/types.ts';

/** The period in which processor time is accounted for, microseconds: the kernel's default, and Docker's. */
const PERIOD_US = 100_000;
/** Least quota that the kernel takes, microseconds. */
const MIN_QUOTA_US = 1000;

/**
 * Gives a compute a share of the processor time that it may use otherwise; 1 takes that off again. What it may use otherwise
 * is in its spec, so that any worker can take off what an earlier one has put on. One that has gone is no error.
 */
export async function throttle(engine: Engine, spec: ComputeSpec, share: number): Promise<void> {
  const facts = await engine.facts(spec.id);
  if (!facts || facts.pid === 0) return;
  const cgroup = await findCgroup(facts.pid, 'cpu');
  if (cgroup) await writeQuota(cgroup, quotaFor(spec.cpus, share));
}

/** Microseconds of each period; null for no limit. A compute without a limit is slowed as one that has one processor. */
export function quotaFor(cpus: number | undefined, share: number): number | null {
  if (share >= 1) return cpus === undefined ? null : Math.round(cpus * PERIOD_US);
  return Math.max(MIN_QUOTA_US, Math.round((cpus ?? 1) * PERIOD_US * share));
}

async function writeQuota({ version, directory }: Cgroup, quota: number | null): Promise<void> {
  if (version === 2) {
    await writeFile(`${directory}/cpu.max`, `${quota ?? 'max'} ${PERIOD_US}`);
    return;
  }
  await writeFile(`${directory}/cpu.cfs_period_us`, String(PERIOD_US));
  await writeFile(`${directory}/cpu.cfs_quota_us`, String(quota ?? -1));
}
