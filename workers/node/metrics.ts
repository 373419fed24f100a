import type { Logger } from 'pino';
import { type Counters, type MetricsReport, sampleBetween } from '../../core/metrics.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Device } from '../../device/device.ts';
import { Repeating } from './repeating.ts';

const EVERY_MS = 10_000;
/** What a compute has written is walked through: that costs, and changes slowly. Every so many reports. */
const DISK_EVERY = 30;

interface Deps {
  control: ControlClient;
  device: Pick<Device, 'engine' | 'counters' | 'computeCounters'>;
  log: Logger;
}

/** Tells the control plane every ten seconds what this device and its computes use. */
export class Metrics extends Repeating {
  readonly #deps: Deps;
  readonly #before = new Map<string, Counters>();
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
    const { device } = this.#deps;
    const after = await device.counters();
    const before = this.#device;
    this.#device = after;
    const here = (await device.engine.listComputes()).filter(({ running }) => running);
    const computes: MetricsReport['computes'] = [];
    for (const { computeId } of here) {
      const earlier = this.#before.get(computeId);
      const now = await device.computeCounters(computeId, withDisk ? null : (earlier?.diskBytes ?? null));
      if (now) this.#before.set(computeId, now);
      if (now && earlier) computes.push({ id: computeId, sample: sampleBetween(earlier, now) });
    }
    this.#forget(new Set(here.map(({ computeId }) => computeId)));
    return before && { device: sampleBetween(before, after), computes };
  }

  /** What is not here any more begins anew should it come back. */
  #forget(here: Set<string>): void {
    for (const id of this.#before.keys()) if (!here.has(id)) this.#before.delete(id);
  }
}
