import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { decideHealth, STARTING } from '../../core/decideHealth.ts';
import type { DevicePlacement } from '../../core/deviceApi.ts';
import type { Health } from '../../core/healthCheck.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import { type ProbeDeps, runProbe } from '../../device/engine/runProbe.ts';
import type { Placements } from './placements.ts';

/** Before the first run, and before the next when one was not possible, milliseconds. */
const SOON_MS = 1000;

interface Deps extends ProbeDeps {
  placements: Pick<Placements, 'current' | 'refresh'>;
  control: Pick<ControlClient, 'health'>;
  log: Logger;
}

/**
 * Runs the health checks of this device's computes, as the engine's own would not: those know nothing of moves, and their
 * programs would be in a dump's way. A compute that comes here keeps the health that it had.
 */
export class HealthMonitor {
  readonly #deps: Deps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Told with every heartbeat what is here. */
  notice(here: { computeId: string; running: boolean }[]): void {
    const running = new Set(here.filter((one) => one.running).map(({ computeId }) => computeId));
    for (const id of this.#watched.keys())
      if (!running.has(id) || !this.#deps.placements.current(id)?.spec.healthCheck) this.#end(id);
    for (const id of running)
      if (!this.#watched.has(id) && this.#deps.placements.current(id)?.spec.healthCheck) {
        const watched = new Watched(id, this.#deps);
        this.#watched.set(id, watched);
        void watched.run();
      }
  }

  /** Its program was started anew: its health is what it will be. */
  restarted(computeId: string): void {
    this.#end(computeId);
  }

  close(): void {
    for (const id of this.#watched.keys()) this.#end(id);
  }

  #end(computeId: string): void {
    this.#watched.get(computeId)?.end();
    this.#watched.delete(computeId);
  }
}

/** One compute whose health is watched. */
class Watched {
  readonly #computeId: string;
  readonly #deps: Deps;
  readonly #stop = new AbortController();
  readonly #since = performance.now();
  #health: Health = STARTING;
  #failures = 0;
  #told = false;

  constructor(computeId: string, deps: Deps) {
    this.#computeId = computeId;
    this.#deps = deps;
  }

  end(): void {
    this.#stop.abort();
  }

  async run(): Promise<void> {
    await this.#takeUp();
    let wait = SOON_MS;
    while (await this.#pause(wait)) {
      if (!this.#told) await this.#tell();
      const placement = this.#deps.placements.current(this.#computeId);
      wait = placement?.spec.healthCheck ? await this.#check(placement.spec.healthCheck) : SOON_MS;
    }
  }

  /** What the control plane knows of it, from this device or from the one that it comes from. */
  async #takeUp(): Promise<void> {
    await this.#deps.placements.refresh().catch(() => undefined);
    const known = this.#deps.placements.current(this.#computeId)?.health;
    if (!known) return;
    this.#health = known;
    this.#told = true;
  }

  /** Resolves with the wait before the next run, milliseconds. */
  async #check(check: NonNullable<DevicePlacement['spec']['healthCheck']>): Promise<number> {
    const outcome = await runProbe(this.#deps, this.#computeId, check);
    if (this.#stop.signal.aborted || outcome === 'notNow') return SOON_MS;
    const ranMs = performance.now() - this.#since;
    const before = this.#health;
    const decision = decideHealth({ check, before, failures: this.#failures, outcome, ranMs });
    const { failures, ...health } = decision;
    this.#failures = failures;
    if (health.state !== before.state) {
      this.#health = health;
      await this.#tell();
    }
    return check.intervalSeconds * 1000;
  }

  async #tell(): Promise<void> {
    const { control, log } = this.#deps;
    try {
      await control.health({ computeId: this.#computeId, ...this.#health });
      this.#told = true;
    } catch (error) {
      if (this.#told) log.warn({ computeId: this.#computeId, error: String(error) }, 'health was not told');
      this.#told = false;
    }
  }

  async #pause(ms: number): Promise<boolean> {
    await pause(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    return !this.#stop.signal.aborted;
  }
}
