import type { Logger } from 'pino';
import type { Inventory } from '../../core/device.ts';
import type { HeartbeatResponse } from '../../core/deviceApi.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Device } from '../../device/device.ts';
import type { Engine } from '../../device/engine/types.ts';
import type { Asked, Leases } from '../../device/lease/leases.ts';
import type { HealthMonitor } from './healthMonitor.ts';
import type { Placements } from './placements.ts';
import { Repeating } from './repeating.ts';

type Here = Awaited<ReturnType<Engine['listComputes']>>;

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
  leases: Leases;
  /** Asks the peers that keep their checkpoints for the leases of computes; resolves with those that were granted. */
  askPeers: (computeIds: string[], generation: number) => Promise<string[]>;
  log: Logger;
}

/** Tells the control plane every two seconds that this device lives, what it is, and what runs on it. */
export class Heartbeats extends Repeating {
  readonly #deps: Deps;
  #away = false;

  constructor(deps: Deps) {
    super(EVERY_MS, (count) => this.#beat(count % SETTLE_EVERY === 0));
    this.#deps = deps;
    deps.leases.onWanted(() => this.soon());
  }

  /** One sign of life, now. Resolves with the computes that are outdated here. @throws DrayageError while nobody answers */
  async tell(): Promise<string[]> {
    return this.#send(await this.#deps.engine.listComputes());
  }

  async #send(here: Here): Promise<string[]> {
    const { control, inventory, placements, followNetwork, leases } = this.#deps;
    const tellOf = async ({ spec, running, limits }: Here[number]) => ({
      id: spec.id,
      epoch: await placements.epoch(spec),
      running,
      limits,
    });
    const told = await Promise.all(here.map(tellOf));
    const asked = await this.#prepareLease();
    const ask = asked === null ? undefined : { generation: leases.told };
    const { outdated, network, lease } = await control
      .heartbeat(await inventory(), told, ask)
      .catch(async (error: unknown) => {
        if (asked !== null) await this.#askPeers(asked);
        throw error;
      });
    const again = asked !== null && lease !== undefined && (await this.#takeLease(asked, lease, outdated));
    if (network !== undefined) await followNetwork(network);
    return again ? this.#send(here) : outdated;
  }

  /** What is asked for lasts from here. A fence that cannot be set shuts what is behind it; the device lives all the same. */
  async #prepareLease(): Promise<Asked | null> {
    const { leases, log } = this.#deps;
    if (!leases.any) return null;
    try {
      return await leases.prepare();
    } catch (error) {
      log.error({ error: String(error) }, 'no lease was asked for');
      return null;
    }
  }

  /** The control plane does not answer: with the tickets that it did not take, peers are asked. */
  async #askPeers(asked: Asked): Promise<void> {
    const { leases, askPeers, log } = this.#deps;
    // Null: nothing was ever granted.
    if (leases.held === null) return;
    try {
      await leases.grantByPeers(asked, await askPeers(leases.forPeers(asked), leases.held));
    } catch (error) {
      log.error({ error: String(error) }, 'a lease could not be put in force');
    }
  }

  /**
   * Resolves with whether to ask again at once: the device's generation is another than it believed. It was declared dead, or
   * has just started; what became another's meanwhile it hears with the answers.
   */
  async #takeLease(
    asked: Asked,
    { generation, granted }: NonNullable<HeartbeatResponse['lease']>,
    outdated: string[],
  ): Promise<boolean> {
    const { leases, log } = this.#deps;
    const learned = leases.told !== generation;
    if (learned && leases.told !== null)
      log.warn({ generation }, 'this device was declared dead: its lease had run out');
    try {
      if (granted) await leases.grant(asked, generation, outdated);
      else await leases.learn(generation);
    } catch (error) {
      log.error({ error: String(error) }, 'a lease could not be put in force');
    }
    return !granted && learned;
  }

  async #beat(settles: boolean): Promise<void> {
    const { engine, placements, health, log } = this.#deps;
    try {
      const here = await engine.listComputes();
      // While nobody answers, checks go on with what was said last.
      health.notice(here);
      await placements.notice(here.map(({ computeId }) => computeId));
      await placements.clear(await this.#send(here));
      if (settles) await placements.settle();
      if (this.#away) log.info('the control plane answers again');
      this.#away = false;
    } catch (error) {
      if (!this.#away) log.warn({ error: String(error) }, 'a heartbeat did not arrive');
      this.#away = true;
    }
  }
}
