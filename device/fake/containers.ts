import type { ComputeSpec } from '../../core/compute.ts';
import type { ContainerExit, ContainerFacts } from '../engine/types.ts';
import { Program, type ProgramState } from './program.ts';

export interface Container {
  spec: ComputeSpec;
  containerId: string;
  state: ContainerFacts['state'];
  pid: number;
  exitCode: number;
  program: Program;
  startedAt: number;
}

/** Exit code of what ended with its device, as after SIGKILL. */
const KILLED = 137;

/** The containers of one fake device: they are there from one worker to the next, as on a real one. */
export class Containers {
  readonly #byCompute = new Map<string, Container>();
  readonly #watchers = new Set<(exit: ContainerExit) => void>();
  #lastPid = 100;
  #made = 0;
  readonly #pids = new Map<string, number>();

  all(): Container[] {
    return [...this.#byCompute.values()];
  }

  find(computeId: string): Container | null {
    return this.#byCompute.get(computeId) ?? null;
  }

  /** @throws DrayageError when its environment tells what cannot be done */
  create(spec: ComputeSpec): Container {
    const known = this.#byCompute.get(spec.id);
    if (known) return known;
    const containerId = `fake-${String((this.#made += 1))}-${spec.id}`;
    const made: Container = {
      ...{ spec, containerId, state: 'created', pid: 0, exitCode: 0, startedAt: 0 },
      program: new Program(spec),
    };
    this.#byCompute.set(spec.id, made);
    return made;
  }

  /** Starts it, or has it go on from where another device stopped it. */
  run(container: Container, from?: ProgramState): void {
    container.program.run(from);
    Object.assign(container, { state: 'running', pid: (this.#lastPid += 1), startedAt: performance.now() });
  }

  pause(container: Container): void {
    container.program.halt();
    container.state = 'paused';
  }

  resume(container: Container): void {
    container.program.run();
    container.state = 'running';
  }

  /** `requested`: somebody asked it to end. One that does not run is left as it is. */
  end(container: Container, exitCode: number, requested: boolean): void {
    if (container.pid === 0) return;
    container.program.halt();
    Object.assign(container, { state: 'exited', pid: 0, exitCode });
    const { containerId, startedAt, spec } = container;
    const exit = { computeId: spec.id, containerId, exitCode, requested };
    const at = new Date().toISOString();
    for (const tell of this.#watchers)
      tell({ ...exit, ranMs: performance.now() - startedAt, at, oom: false });
  }

  remove(computeId: string): void {
    const container = this.#byCompute.get(computeId);
    if (container) this.end(container, KILLED, true);
    this.#byCompute.delete(computeId);
    this.#pids.delete(`sandbox ${computeId}`);
  }

  /** The device loses its power: nobody is told. */
  losePower(): void {
    for (const container of this.#byCompute.values()) {
      if (container.pid === 0) continue;
      container.program.halt();
      Object.assign(container, { state: 'exited', pid: 0, exitCode: KILLED });
    }
  }

  /** The process id that something has on this device; the same each time. */
  pidOf(what: string): number {
    const pid = this.#pids.get(what) ?? (this.#lastPid += 1);
    this.#pids.set(what, pid);
    return pid;
  }

  watch(listener: (exit: ContainerExit) => void, signal: AbortSignal): void {
    this.#watchers.add(listener);
    signal.addEventListener('abort', () => this.#watchers.delete(listener), { once: true });
  }
}
