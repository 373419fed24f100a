import { readFile, readdir, readlink } from 'node:fs/promises';
import { until } from '../../../core/until.ts';
import { PageStore, type StoreStatus } from '../../../device/memory/pageStore.ts';
import { fileOnDevice } from '../../../lab/deviceProcess.ts';
import { processesIn, signal } from '../../../lab/machine/cgroup.ts';
import { commandLine } from '../../../lab/machine/processes.ts';
import { END_MS } from '../computeScene.ts';
import type { TestLab } from '../support.ts';

/** The processes of memory-target that fill in a compute's memory, as this machine knows them. */
interface Helpers {
  pager: number;
  keeper: number;
}

/** What fills in the memory of a compute that has come to a device, one move at a time. */
export class PageHelpers {
  readonly #lab: TestLab;
  readonly #device: string;

  constructor(lab: TestLab, device: string) {
    this.#lab = lab;
    this.#device = device;
  }

  async kill(which: keyof Helpers): Promise<void> {
    signal((await this.#find())[which], 'SIGKILL');
  }

  /** For all of them, also while memory is only being copied; none there is no error. */
  async signalStore(name: NodeJS.Signals): Promise<void> {
    for (const pid of await this.#all()) signal(pid, name);
  }

  async status(migration: string, compute: string): Promise<StoreStatus> {
    const directory = `/run/drayage/pages/${migration}/${compute}`;
    return new PageStore(await fileOnDevice(this.#lab.lab, this.#device, directory), 'lazy').status();
  }

  async untilStatus(migration: string, compute: string, wanted: Partial<StoreStatus>): Promise<StoreStatus> {
    const what = `the pages of ${compute} to be ${JSON.stringify(wanted)}`;
    return until(what, END_MS, async () => {
      const status = await this.status(migration, compute);
      return Object.entries(wanted).every(([key, value]) => status[key as keyof StoreStatus] === value)
        ? status
        : false;
    });
  }

  /** The file in which all pages lie that have not been handed over yet. It has no name. */
  async storeFile(): Promise<string> {
    const { pager } = await this.#find();
    const directory = `/proc/${pager}/fd`;
    for (const fd of await readdir(directory)) {
      const target = await readlink(`${directory}/${fd}`).catch(() => '');
      if (/pages\/.*\(deleted\)$/.test(target)) return `${directory}/${fd}`;
    }
    throw new Error('the pager has no store');
  }

  /** Ends what keeps the memory of computes on this device watchable; resolves when it is gone. */
  async killWatches(): Promise<void> {
    for (const pid of await this.#running('memory-watch')) signal(pid, 'SIGKILL');
    const gone = async () => (await this.#running('memory-watch')).length === 0;
    await until('memory-watch to end', END_MS, gone);
  }

  #all(): Promise<number[]> {
    return this.#running('memory-target');
  }

  async #running(helper: string): Promise<number[]> {
    const found: number[] = [];
    for (const pid of await processesIn(`${this.#lab.lab.names.cgroup}/${this.#device}`)) {
      const [program = ''] = await commandLine(pid);
      if (program.endsWith(`/${helper}`)) found.push(pid);
    }
    return found;
  }

  /** The pager is the keeper's child. */
  async #find(): Promise<Helpers> {
    return until(`the page helpers of ${this.#device}`, END_MS, async () => {
      const parents = new Map<number, number>();
      for (const pid of await this.#all()) parents.set(pid, await parentOf(pid));
      for (const [pager, keeper] of parents) if (parents.has(keeper)) return { pager, keeper };
      return false;
    });
  }
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}
