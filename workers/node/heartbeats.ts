import type { Logger } from 'pino';
import type { Inventory } from '../../core/device.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Device } from '../../device/device.ts';
import type { Engine } from '../../device/engine/types.ts';
import type { HealthMonitor } from './healthMonitor.ts';
import type { Placements } from './placements.ts';
import { Repeating } from './repeating.ts';

const EVERY_MS = 2000;
/** Every so many signs of life the placements are compared with the journal. */
const SETTLE_EVERY = 15;

interface Deps {
  control: ControlClient;
  inventory: () => Promise<Inventory>;
  engine: Engine;
  placements: Placements;
  followNetwork: Device['followNetwork'];
  health: Pick<HealthMonitor, 'notice'>;
  log: Logger;
}

/** Tells the control plane every two seconds that this device lives, what it is, and what runs on it. */
export class Heartbeats extends Repeating {
  readonly #deps: Deps;
  #away = false;

  constructor(deps: Deps) {
    super(EVERY_MS, (count) => this.#beat(count % SETTLE_EVERY === 0));
    this.#deps = deps;
  }

  /** One sign of life, now. Resolves with the computes that are outdated here. @throws DrayageError while nobody answers */
  async tell(): Promise<string[]> {
    return this.#send(await this.#deps.engine.listComputes());
  }

  async #send(here: Awaited<ReturnType<Engine['listComputes']>>): Promise<string[]> {
    const { control, inventory, placements, followNetwork } = this.#deps;
    const tellOf = async ({ spec, running, limits }: (typeof here)[number]) => ({
      id: spec.id,
      epoch: await placements.epoch(spec),
      running,
      limits,
    });
    const told = await Promise.all(here.map(tellOf));
    const { outdated, network } = await control.heartbeat(await inventory(), told);
    if (network !== undefined) await followNetwork(network);
    return outdated;
  }

  async #beat(settles: boolean): Promise<void> {
    const { engine, placements, health, log } = this.#deps;
    try {
      const here = await engine.listComputes();
      // While nobody answers, checks go on with what was said last.
      health.notice(here);
      await placements.notice(here.map(({ computeId }) => computeId));
      await this.#send(here);
      if (settles) await placements.settle();
      if (this.#away) log.info('the control plane answers again');
      this.#away = false;
    } catch (error) {
      if (!this.#away) log.warn({ error: String(error) }, 'a heartbeat did not arrive');
      this.#away = true;
    }
  }
}
