import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Engine } from '../../device/engine/types.ts';
import type { InventoryReader } from '../../device/inventory.ts';
import type { Placements } from './placements.ts';

const EVERY_MS = 2000;

interface Deps {
  control: ControlClient;
  inventory: InventoryReader;
  engine: Engine;
  placements: Placements;
  log: Logger;
}

/** Tells the control plane every two seconds that this device lives, what it is, and what runs on it. */
export class Heartbeats {
  readonly #deps: Deps;
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #away = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#beat();
      await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #beat(): Promise<void> {
    const { control, inventory, engine, placements, log } = this.#deps;
    try {
      const here = await engine.listComputes();
      await placements.notice(here.map(({ computeId }) => computeId));
      const computes = here.map(({ computeId, running }) => ({
        id: computeId,
        epoch: placements.epoch(computeId),
        running,
      }));
      await control.heartbeat(await inventory.read(), computes);
      if (this.#away) log.info('the control plane answers again');
      this.#away = false;
    } catch (error) {
      if (!this.#away) log.warn({ error: String(error) }, 'a heartbeat did not arrive');
      this.#away = true;
    }
  }
}
