import { closeSync, openSync, readFileSync } from 'node:fs';
import { PageTable } from './pageTable.ts';

export interface ScannedProcess {
  pid: number;
  /** In its own namespace, as in CRIU's images. */
  readonly number: number;
  /** Open files of /proc/PID while a pass goes on. */
  memory: number;
  pagemap: number;
  /** What the target maps. */
  readonly mapped: PageTable;
  /** Other memory: only its content is sent, CRIU's images say where it is. */
  readonly other: PageTable;
}

const GONE = ['ENOENT', 'ESRCH'];

/** The processes of a compute, from one pass to the next. */
export class ProcessList {
  readonly #cgroupProcs: string;
  readonly #known = new Map<number, ScannedProcess>();
  #open: ScannedProcess[] = [];

  /** `cgroupProcs`: the file that lists them. */
  constructor(cgroupProcs: string) {
    this.#cgroupProcs = cgroupProcs;
  }

  /** All that were ever there: of those that are gone the pages still have to be taken back. */
  get known(): Iterable<ScannedProcess> {
    return this.#known.values();
  }

  /** Those that live now. Opened anew for every pass: an open file stays with memory that a process has left by exec. */
  open(): ScannedProcess[] {
    const pids = new Set(readFileSync(this.#cgroupProcs, 'utf8').split('\n').filter(Boolean).map(Number));
    for (const pid of pids) {
      const process = this.#openOne(pid);
      if (process) this.#open.push(process);
    }
    return this.#open;
  }

  close(): void {
    for (const { memory, pagemap } of this.#open) {
      closeSync(memory);
      closeSync(pagemap);
    }
    this.#open = [];
  }

  /** Null when it has ended meanwhile. */
  #openOne(pid: number): ScannedProcess | null {
    const opened: number[] = [];
    try {
      const number = innerNumber(pid);
      if (number === null) return null;
      for (const name of ['mem', 'pagemap']) opened.push(openSync(`/proc/${pid}/${name}`, 'r'));
      const [memory = -1, pagemap = -1] = opened;
      // A number that was given to another process stands for that one from then on: all is compared by content anyway.
      let process = this.#known.get(number);
      process ??= { pid, number, memory, pagemap, mapped: new PageTable(), other: new PageTable() };
      this.#known.set(number, Object.assign(process, { pid, memory, pagemap }));
      return process;
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      if (GONE.includes((error as NodeJS.ErrnoException).code ?? '')) return null;
      throw error;
    }
  }
}

/** The number of a process in its innermost namespace; null for a zombie, which has no memory. */
function innerNumber(pid: number): number | null {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  if (/^State:\s+[ZX]/m.test(status)) return null;
  const [, numbers] = /^NSpid:\s+(.*)$/m.exec(status) ?? [];
  return Number(numbers?.split('\t').at(-1) ?? pid);
}
