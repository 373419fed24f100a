import type { Logger } from 'pino';
import { type Counters, type MetricsReport, sampleBetween } from '../../core/metrics.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Engine } from '../../device/engine/types.ts';
import { computeCounters, deviceCounters } from '../../device/metrics/counters.ts';
import { measureDisk } from '../../device/usage.ts';
import { Repeating } from './repeating.ts';

const EVERY_MS = 10_000;
/** What a compute has written is walked through: that costs, and changes slowly. Every so many reports. */
const DISK_EVERY = 30;

interface Deps {
  control: ControlClient;
  engine: Engine;
  /** On the file system whose use is told. */
  diskPath: string;
  log: Logger;
}

/** Tells the control plane every ten seconds what this device and its computes use. */
export class Metrics extends Repeating {
  readonly #deps: Deps;
  readonly #before = new Map<string, Counters>();
  readonly #disk = new Map<string, number>();
  #device: Counters | null = null;
  #away = false;

  constructor(deps: Deps) {
    super(EVERY_MS, (count) => this.#tell(count % DISK_EVERY === 1));
    this.#deps = deps;
  }

  async #tell(withDisk: boolean): Promise<void> {
    const { control, log } = this.#deps;
    try {
      const report = await this.#measure(withDisk);
      if (report) await control.metrics(report);
      this.#away = false;
    } catch (error) {
      // Said once: the heartbeats say the same.
      if (!this.#away) log.info({ error: String(error) }, 'metrics were not told');
      this.#away = true;
    }
  }

  /** Null the first time: a rate needs two readings. */
  async #measure(withDisk: boolean): Promise<MetricsReport | null> {
    const { engine, diskPath } = this.#deps;
    const device = await deviceCounters(diskPath);
    const before = this.#device;
    this.#device = device;
    const here = (await engine.listComputes()).filter(({ running }) => running);
    const computes: MetricsReport['computes'] = [];
    for (const { computeId } of here) {
      const after = await this.#countersOf(computeId, withDisk);
      const earlier = this.#before.get(computeId);
      if (after) this.#before.set(computeId, after);
      if (after && earlier) computes.push({ id: computeId, sample: sampleBetween(earlier, after) });
    }
    this.#forget(new Set(here.map(({ computeId }) => computeId)));
    return before && { device: sampleBetween(before, device), computes };
  }

  async #countersOf(computeId: string, withDisk: boolean): Promise<Counters | null> {
    const facts = await this.#deps.engine.facts(computeId);
    if (!facts || facts.pid === 0) return null;
    if (withDisk || !this.#disk.has(computeId)) this.#disk.set(computeId, await measureDisk(facts));
    return computeCounters(facts.pid, this.#disk.get(computeId) ?? 0);
  }

  /** What is not here any more begins anew should it come back. */
  #forget(here: Set<string>): void {
    for (const known of [this.#before, this.#disk])
      for (const id of known.keys()) if (!here.has(id)) known.delete(id);
  }
}
