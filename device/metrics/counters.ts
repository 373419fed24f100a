import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counters } from '../../core/metrics.ts';
import { type Cgroup, findCgroup } from '../checkpoint/cgroup.ts';
import { isVethName } from '../network/vethName.ts';
import { usedBytes } from '../usedBytes.ts';

/** Of /proc/stat, a second (proc(5): USER_HZ, 100 on every architecture that Linux runs Docker on). */
const TICKS = 100;

/** What this device has used since its start, and uses now. `diskPath` is on the file system that is told. */
export async function deviceCounters(diskPath: string): Promise<Counters> {
  const atMs = performance.now();
  const [stat, meminfo, diskBytes, network] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    readFile('/proc/meminfo', 'utf8'),
    usedBytes(diskPath),
    uplinkBytes(),
  ]);
  return {
    atMs,
    cpuSeconds: busySeconds(stat),
    memoryBytes: usedMemory(meminfo),
    diskBytes,
    ...network,
  };
}

/** Seconds of all processors that were neither idle nor waiting, from /proc/stat (proc(5)). */
export function busySeconds(stat: string): number {
  const [, ...fields] = (/^cpu .*$/m.exec(stat)?.[0] ?? '').split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS;
}

function usedMemory(meminfo: string): number {
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  return (kilobytes('MemTotal') - kilobytes('MemAvailable')) * 1024;
}

/** What went over the device's own interfaces: not over its computes' and its bridges, which carry the same bytes again. */
async function uplinkBytes(): Promise<{ receivedBytes: number; sentBytes: number }> {
  const all = parseInterfaces(await readFile('/proc/self/net/dev', 'utf8'));
  const bridges = new Set<string>();
  for (const name of await readdir('/sys/class/net').catch(() => []))
    if ((await readdir(`/sys/class/net/${name}/bridge`).catch(() => null)) !== null) bridges.add(name);
  return sum(all.filter(({ name }) => name !== 'lo' && !isVethName(name) && !bridges.has(name)));
}

interface InterfaceBytes {
  name: string;
  receivedBytes: number;
  sentBytes: number;
}

/** Of /proc/PID/net/dev (proc(5)): two lines of headings, then `name: 8 figures received, 8 sent`. */
export function parseInterfaces(text: string): InterfaceBytes[] {
  return text
    .trim()
    .split('\n')
    .slice(2)
    .map((line) => {
      const [name = '', figures = ''] = line.split(':');
      const numbers = figures.trim().split(/\s+/).map(Number);
      return { name: name.trim(), receivedBytes: numbers[0] ?? 0, sentBytes: numbers[8] ?? 0 };
    });
}

function sum(interfaces: InterfaceBytes[]): { receivedBytes: number; sentBytes: number } {
  const total = (of: 'receivedBytes' | 'sentBytes') => interfaces.reduce((bytes, one) => bytes + one[of], 0);
  return { receivedBytes: total('receivedBytes'), sentBytes: total('sentBytes') };
}

/** What a compute has used since its container started on this device, and uses now; null when it has just ended. */
export async function computeCounters(pid: number, diskBytes: number): Promise<Counters | null> {
  try {
    const atMs = performance.now();
    const [cpu, memory, network] = await Promise.all([
      findCgroup(pid, 'cpuacct'),
      findCgroup(pid, 'memory'),
      readFile(`/proc/${String(pid)}/net/dev`, 'utf8'),
    ]);
    if (!cpu || !memory) return null;
    const [cpuSeconds, memoryBytes] = await Promise.all([cgroupCpuSeconds(cpu), cgroupMemory(memory)]);
    const interfaces = parseInterfaces(network).filter(({ name }) => name !== 'lo');
    return { atMs, cpuSeconds, memoryBytes, diskBytes, ...sum(interfaces) };
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

async function cgroupCpuSeconds({ version, directory }: Cgroup): Promise<number> {
  if (version === 1) return Number(await readFile(join(directory, 'cpuacct.usage'), 'utf8')) / 1e9;
  const stat = await readFile(join(directory, 'cpu.stat'), 'utf8');
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1] ?? 0) / 1e6;
}

/** As `docker stats` has it: the file cache that is not in use is not the program's. */
async function cgroupMemory({ version, directory }: Cgroup): Promise<number> {
  const usage = version === 1 ? 'memory.usage_in_bytes' : 'memory.current';
  const inactive = version === 1 ? /^total_inactive_file (\d+)/m : /^inactive_file (\d+)/m;
  const [bytes, stat] = await Promise.all([
    readFile(join(directory, usage), 'utf8'),
    readFile(join(directory, 'memory.stat'), 'utf8'),
  ]);
  return Math.max(0, Number(bytes) - Number(inactive.exec(stat)?.[1] ?? 0));
}
