import { readFile } from 'node:fs/promises';
import { processesIn } from '../../../lab/machine/cgroup.ts';
import type { Lab } from '../../../lab/state.ts';

/**
 * How much memory a device's worker and its helpers take beyond what the worker took at first. The pages that wait for
 * their compute on a tmpfs are not theirs.
 */
export class MemoryMeter {
  readonly device: string;
  readonly #cgroup: string;
  readonly #atFirst: number;
  grownBytes = 0;
  looks = 0;

  private constructor(device: string, cgroup: string, atFirst: number) {
    this.device = device;
    this.#cgroup = cgroup;
    this.#atFirst = atFirst;
  }

  static async start(lab: Lab, device: string): Promise<MemoryMeter> {
    const cgroup = `${lab.names.cgroup}/${device}/worker`;
    return new MemoryMeter(device, cgroup, await residentBytes(cgroup));
  }

  async look(): Promise<void> {
    this.looks += 1;
    this.grownBytes = Math.max(this.grownBytes, (await residentBytes(this.#cgroup)) - this.#atFirst);
  }
}

async function residentBytes(cgroup: string): Promise<number> {
  const parts = await Promise.all((await processesIn(cgroup)).map(anonymousBytes));
  return parts.reduce((sum, part) => sum + part, 0);
}

/** 0 for a process that has gone meanwhile. */
async function anonymousBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
