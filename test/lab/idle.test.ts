import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { partProcess } from '../../lab/device.ts';
import { withLab } from './support.ts';

/** Clock ticks a second (USER_HZ), the unit of /proc/PID/stat. */
const TICKS = 100;
const WATCHED_MS = 10_000;

const shared = withLab();

test('a worker with nothing to do takes at most 200 MB and 2 % of a core', async () => {
  const pid = await partProcess(shared.lab, 'd1', 'worker');
  if (pid === null) throw new Error('the worker of d1 does not run');
  const before = await ticksOf(pid);
  await pause(WATCHED_MS);
  const used = (await ticksOf(pid)) - before;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentKb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  expect(used / TICKS / (WATCHED_MS / 1000)).toBeLessThanOrEqual(0.02);
  expect(residentKb).toBeLessThanOrEqual(200_000);
});

/** User and system time of a process so far; the fields after its name in parentheses, proc(5). */
async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
