import { decideRestart } from '../../core/decideRestart.ts';
import type { RestartPolicy } from '../../core/compute.ts';
import type { ContainerExit, Engine } from './types.ts';

/** What is reported of each end. */
export interface ReportedExit {
  computeId: string;
  exitCode: number;
  /** It will be started again. */
  restarting: boolean;
  /** Restarts in a row. */
  restarts: number;
  reason: string;
  /** When it ended, RFC 3339. */
  at: string;
  oom: boolean;
}

export interface RestarterDeps {
  engine: Pick<Engine, 'watchExits' | 'listComputes' | 'startCompute'>;
  /** Whether this device owns the compute, it is wanted running, and no move has it. Asked before the wait and after it. */
  mayStart(computeId: string): boolean | Promise<boolean>;
  /** The policy that holds now; @default what its container was made with */
  policyOf?(computeId: string): RestartPolicy | undefined;
  /** Called once for each end of a compute that `mayStart`. */
  onExit(exit: ReportedExit): void;
  /** Starts it, with its sandbox and network. @default engine.startCompute */
  start?(computeId: string): Promise<void>;
}

/** Exit code of an end that was none: the start failed. As the engine's own. */
const START_FAILED = 128;

/** Applies the computes' restart policies until `signal` aborts; the engine's own are off, for a move must not trigger them. */
export function runRestarter(deps: RestarterDeps, signal: AbortSignal): void {
  const restarter = new Restarter(deps, signal);
  deps.engine.watchExits((exit) => void restarter.handle(exit), signal);
}

class Restarter {
  readonly #deps: RestarterDeps;
  readonly #signal: AbortSignal;
  readonly #restarts = new Map<string, number>();

  constructor(deps: RestarterDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async handle(exit: Omit<ContainerExit, 'containerId'>): Promise<void> {
    const { computeId, exitCode, at, oom } = exit;
    const computes = await this.#deps.engine.listComputes().catch(() => []);
    const spec = computes.find((one) => one.computeId === computeId)?.spec;
    if (!spec) return;
    const restarts = this.#restarts.get(computeId) ?? 0;
    // A copy that is not (or no longer) this device's to start is not its to report either.
    const mine = await this.#deps.mayStart(computeId);
    const policy = this.#deps.policyOf?.(computeId) ?? spec.restartPolicy;
    const decision = decideRestart({ ...exit, policy, restarts });
    if (mine && decision.action === 'leave') {
      const { reason } = decision;
      this.#deps.onExit({ computeId, exitCode, at, oom, restarting: false, restarts, reason });
    }
    if (!mine || decision.action === 'leave') {
      this.#restarts.delete(computeId);
      return;
    }
    this.#restarts.set(computeId, decision.restarts);
    this.#deps.onExit({
      ...{ computeId, exitCode, at, oom },
      restarting: true,
      restarts: decision.restarts,
      reason: decision.reason,
    });
    await this.#pause(decision.delayMs);
    if (this.#signal.aborted || !(await this.#deps.mayStart(computeId))) return;
    await this.#start(computeId);
  }

  async #start(computeId: string): Promise<void> {
    try {
      await (this.#deps.start?.(computeId) ?? this.#deps.engine.startCompute(computeId));
    } catch {
      const at = new Date().toISOString();
      await this.handle({ computeId, exitCode: START_FAILED, requested: false, ranMs: 0, at, oom: false });
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#signal.addEventListener('abort', end);
    });
  }
}
