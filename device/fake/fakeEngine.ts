import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Limits } from '../../core/observed.ts';
import type {
  ContainerExit,
  ContainerFacts,
  Engine,
  ExecSession,
  LoggedChunk,
  LogOptions,
  Sandbox,
} from '../engine/types.ts';
import type { Container, Containers } from './containers.ts';
import type { Life } from './life.ts';

/** Milliseconds that the engine takes for its work. */
const MAKE_MS = 60;
const START_MS = 120;
/** Between two looks for new lines of a log that is followed, milliseconds. */
const FOLLOW_MS = 200;
/** Exit code of a program that ended on SIGTERM, as a shell has it. */
const TERMINATED = 143;

/** The engine of a fake device. It takes any image: nothing of one is looked at. */
export class FakeEngine implements Engine {
  readonly #containers: Containers;
  readonly #life: Life;

  constructor(containers: Containers, life: Life) {
    this.#containers = containers;
    this.#life = life;
  }

  async loadImage(archive: Readable): Promise<void> {
    for await (const _chunk of archive) continue;
  }

  async hasImage(): Promise<boolean> {
    return true;
  }

  async saveImage(digest: string): Promise<Readable> {
    throw new DrayageError({
      code: 'imageMissing',
      message: `A fake device has no image ${digest}.`,
      mend: 'Take it from the control plane.',
    });
  }

  async listImages(): Promise<{ digest: string; layers: string[] }[]> {
    return [];
  }

  async ensureSandbox({ id }: ComputeSpec): Promise<Sandbox> {
    await this.#life.takes(MAKE_MS);
    return { containerId: `sandbox-${id}`, pid: this.#containers.pidOf(`sandbox ${id}`) };
  }

  async createCompute(spec: ComputeSpec): Promise<string> {
    await this.#life.takes(MAKE_MS);
    return this.#containers.create(spec).containerId;
  }

  async startCompute(computeId: string): Promise<void> {
    await this.#life.takes(START_MS);
    const container = this.#need(computeId);
    if (container.state !== 'running') this.#containers.run(container);
  }

  async stopCompute(computeId: string): Promise<void> {
    await this.#life.takes(START_MS);
    this.#end(computeId, TERMINATED);
  }

  async removeCompute(computeId: string): Promise<void> {
    await this.#life.lives();
    this.#containers.remove(computeId);
  }

  async facts(computeId: string): Promise<ContainerFacts | null> {
    await this.#life.lives();
    const container = this.#containers.find(computeId);
    if (!container) return null;
    const { containerId, state, pid, exitCode } = container;
    return {
      ...{ computeId, containerId, state, pid, exitCode, tmpfs: [] },
      ...{ logPath: '', upperDir: '', mergedDir: '', volumes: [], runcRoot: '', bundle: null },
    };
  }

  async sandbox(computeId: string): Promise<Sandbox | null> {
    const found = this.#containers.find(computeId);
    return found && { containerId: `sandbox-${computeId}`, pid: found.pid };
  }

  async listComputes() {
    await this.#life.lives();
    return this.#containers.all().map(({ spec, state }) => ({
      computeId: spec.id,
      spec,
      running: state === 'running' || state === 'paused',
      paused: state === 'paused',
      limits: limitsOf(spec),
    }));
  }

  async updateLimits({ id, memoryBytes, cpus, pids }: ComputeSpec): Promise<void> {
    await this.#life.lives();
    const container = this.#containers.find(id);
    if (container) container.spec = { ...container.spec, memoryBytes, cpus, pids };
  }

  async kill(computeId: string): Promise<void> {
    await this.#life.lives();
    this.#end(computeId, 137);
  }

  async logs(computeId: string, options: LogOptions): Promise<AsyncIterable<LoggedChunk>> {
    await this.#life.lives();
    return this.#lines(computeId, this.#need(computeId), options);
  }

  async *#lines(
    computeId: string,
    { program }: Container,
    { follow, tail, signal }: LogOptions,
  ): AsyncIterable<LoggedChunk> {
    let next = Math.max(0, program.lines - (tail ?? Infinity));
    while (!signal.aborted) {
      for (; next < program.lines && !signal.aborted; next += 1)
        yield { stream: 'stdout', data: Buffer.from(program.line(next)) };
      if (!follow || !this.#containers.find(computeId)) return;
      await pause(FOLLOW_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async exec(computeId: string, command: string[]): Promise<ExecSession> {
    this.#need(computeId);
    return saying(`A fake device runs nothing; it was asked for: ${command.join(' ')}\n`);
  }

  watchExits(listener: (exit: ContainerExit) => void, signal: AbortSignal): void {
    this.#containers.watch(listener, signal);
  }

  #end(computeId: string, exitCode: number): void {
    const container = this.#containers.find(computeId);
    if (container) this.#containers.end(container, exitCode, true);
  }

  #need(computeId: string) {
    const container = this.#containers.find(computeId);
    if (container) return container;
    throw new DrayageError({
      code: 'containerMissing',
      message: `There is no container of compute ${computeId} on this device.`,
      mend: 'Start the compute, or look for it on its device.',
    });
  }
}

/** The limits that an engine would have for it. */
function limitsOf({ memoryBytes, cpus, pids }: ComputeSpec): Limits {
  return { memoryBytes: memoryBytes ?? null, cpus: cpus ?? null, pids: pids ?? null };
}

/** A program that says one thing and ends well. */
function saying(text: string): ExecSession {
  const ended = Promise.withResolvers<number>();
  return {
    write: () => undefined,
    closeStdin: () => undefined,
    onOutput(listener) {
      queueMicrotask(() => {
        listener({ stream: 'stdout', data: Buffer.from(text) });
        ended.resolve(0);
      });
    },
    pause: () => undefined,
    resume: () => undefined,
    kill: async () => ended.resolve(137),
    end: async () => ended.resolve(137),
    resize: async () => undefined,
    done: ended.promise,
  };
}
