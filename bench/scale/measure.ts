import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import { measureMemory } from '../../device/memory/measureMemory.ts';
import { apiUrl, readControlPlane } from '../../lab/control.ts';
import { controlApi } from '../../lab/controlApi.ts';
import { fakesProcess } from '../../lab/fakes.ts';
import { listDevices } from '../../lab/join.ts';
import type { Lab } from '../../lab/state.ts';
import type { Step, Use } from './scaleFigures.ts';

/** USER_HZ, proc(5). */
const TICKS = 100;
const HEARTBEATS =
  /^drayage_http_requests_total\{method="POST",route="\/device\/v1\/heartbeat",status="200"\} (\d+)/m;

/** Watches the control plane for so many seconds. `seen`: heartbeats that were answered so far, and seconds. */
export async function measure(
  lab: Lab,
  seconds: number,
  signal: AbortSignal,
  seen: (heartbeats: number, seconds: number) => void,
): Promise<Step> {
  const parts = await processes(lab);
  const from = performance.now();
  const [cpuBefore, heartbeatsBefore] = await Promise.all([cpuOf(parts), heartbeats(lab)]);
  const passed = () => (performance.now() - from) / 1000;
  while (passed() < seconds) {
    await pause(Math.min(10_000, (seconds - passed()) * 1000), undefined, { signal });
    seen((await heartbeats(lab)) - heartbeatsBefore, Math.round(passed()));
  }
  const [cpuAfter, heartbeatsAfter] = await Promise.all([cpuOf(parts), heartbeats(lab)]);
  const took = passed();
  const uses = await Promise.all(
    Object.entries(parts).map(async ([name, pid]): Promise<[string, Use]> => {
      const { residentBytes } = await measureMemory(await treeOf(pid));
      const cpuSeconds = (cpuAfter[name] ?? 0) - (cpuBefore[name] ?? 0);
      return [name, { cpuSeconds, memoryBytes: residentBytes }];
    }),
  );
  const devices = await listDevices(await controlApi(lab));
  return {
    devices: lab.fakes.length,
    seconds: took,
    parts: Object.fromEntries(uses),
    heartbeats: heartbeatsAfter - heartbeatsBefore,
    ready: devices.filter(({ state }) => state === 'ready').length,
  };
}

/** Process ids by name: those of the control plane, and the one of all fake devices. */
async function processes(lab: Lab): Promise<Record<string, number>> {
  const [control, fakes] = await Promise.all([readControlPlane(lab), fakesProcess(lab)]);
  if (control === null || fakes === null)
    throw new DrayageError({
      code: 'notRunning',
      message: 'The control plane or the fake devices do not run any more.',
      mend: `See ${lab.paths.controlLog} and ${lab.paths.fakesLog}.`,
    });
  return { ...control.parts, fakes };
}

async function heartbeats(lab: Lab): Promise<number> {
  const { token } = await controlApi(lab);
  const answer = await fetch(`${apiUrl(lab)}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return Number(HEARTBEATS.exec(await answer.text())?.[1] ?? 0);
}

async function cpuOf(parts: Record<string, number>): Promise<Record<string, number>> {
  const all = Object.entries(parts).map(async ([name, pid]) => {
    const seconds = await Promise.all((await treeOf(pid)).map(cpuSeconds));
    return [name, seconds.reduce((sum, one) => sum + one, 0)] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

/** Of a process, and of those children of its that have ended. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = await statOf(pid);
  return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field] ?? 0), 0) / TICKS;
}

/** A process and all that descend from it: PostgreSQL has one for each connection. */
async function treeOf(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    parents.set(Number(entry), Number((await statOf(Number(entry)))[1] ?? 0));
  }
  const tree = [root];
  for (const one of tree) for (const [pid, parent] of parents) if (parent === one) tree.push(pid);
  return tree;
}

/** Fields of /proc/PID/stat from the third on (proc(5)): the second may hold anything. None of one that has gone. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ');
}
