import type { FastifyBaseLogger } from 'fastify';
import { decideDeath, type Seen } from '../../core/lease.ts';
import { declareDead, lostGroups, watchedLeases } from '../../db/leases.ts';
import type { ApiContext } from '../context.ts';
import { failOverGroup } from './failOverGroup.ts';

/**
 * Watches the leases of devices, and has what may be started elsewhere started there once its device's lease has run out. Any
 * number of processes may watch: each counts by its own monotonic clock, and what they do is compare-and-set.
 */
export class LeaseWatch {
  readonly #context: ApiContext;
  readonly #logger: FastifyBaseLogger;
  readonly #nowMs: () => number;
  #seen = new Map<string, Seen>();

  constructor(context: ApiContext, logger: FastifyBaseLogger, nowMs = () => performance.now()) {
    this.#context = context;
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** One look; to be repeated every second or so. */
  async look(): Promise<void> {
    const { db } = this.#context;
    const before = this.#seen;
    this.#seen = new Map();
    for (const { deviceId, grants } of await watchedLeases(db)) {
      const seen = before.get(deviceId);
      const atMs = this.#nowMs();
      const { action, reason } = decideDeath({ grants }, seen ?? null, atMs);
      this.#seen.set(deviceId, seen === undefined || action === 'watch' ? { grants, atMs } : seen);
      if (action === 'declareDead' && (await declareDead(db, { deviceId, grants, reason })))
        this.#logger.error({ device: deviceId, reason }, 'a device was declared dead');
    }
    for (const lost of await lostGroups(db)) await failOverGroup(this.#context, this.#logger, lost);
  }
}
