import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { partProcess } from '../../lab/device.ts';
import { withLab } from './support.ts';

/** Clock ticks a second (USER_HZ), the unit of /proc/PID/stat. */
const TICKS = 100;
const WATCHED_MS = 10_000;
const MOST_SHARE = 0.02;
const LOOKS = 4;

const shared = withLab();

test('a worker with nothing to do takes at most 200 MB and 2 % of a core', async () => {
  const pid = await partProcess(shared.lab, 'd1', 'worker');
  if (pid === null) throw new Error('the worker of d1 does not run');
  // One that has just begun, or has just moved something, comes to rest first.
  let share = await shareOfCore(pid);
  for (let looks = 1; share > MOST_SHARE && looks < LOOKS; looks += 1) share = await shareOfCore(pid);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentKb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  expect(share).toBeLessThanOrEqual(MOST_SHARE);
  expect(residentKb).toBeLessThanOrEqual(200_000);
}, 60_000);

/** The share of a core that a process takes over ten seconds. */
async function shareOfCore(pid: number): Promise<number> {
  const before = await ticksOf(pid);
  await pause(WATCHED_MS);
  return ((await ticksOf(pid)) - before) / TICKS / (WATCHED_MS / 1000);
}

/** User and system time of a process so far; the fields after its name in parentheses, proc(5). */
async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
