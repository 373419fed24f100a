import { readFile } from 'node:fs/promises';

export interface MemoryInUse {
  /** Of all processes, each counted whole, bytes. */
  anonymousBytes: number;
  /** Shared pages counted once, bytes. */
  onceBytes: number;
  /** All resident memory, shared pages counted once, bytes. */
  residentBytes: number;
}

/** Adds up what processes have in memory (/proc/PID/smaps_rollup, proc(5)); one that ends meanwhile is left out. */
export async function measureMemory(pids: number[]): Promise<MemoryInUse> {
  const total: MemoryInUse = { anonymousBytes: 0, onceBytes: 0, residentBytes: 0 };
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const kilobytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
    total.anonymousBytes += kilobytes('Anonymous') * 1024;
    total.onceBytes += kilobytes('Pss_Anon') * 1024;
    total.residentBytes += kilobytes('Pss') * 1024;
  }
  return total;
}
