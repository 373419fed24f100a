import type { FastifyBaseLogger } from 'fastify';
import { sql } from 'drizzle-orm';
import { removeOldApps } from '../db/apps.ts';
import { removeOldAudit } from '../db/audit.ts';
import type { Database } from '../db/database.ts';
import { forgetDiscovered } from '../db/discovery.ts';
import { AdvisoryLock } from '../db/locks.ts';
import { markUnreachable, UNREACHABLE_AFTER_SECONDS } from '../db/signsOfLife.ts';
import { removeOldEvents } from '../db/events.ts';
import { removeOldIdempotencyKeys } from '../db/idempotency.ts';
import { removeOldFailures } from '../db/signInFailures.ts';
import { clearPulls } from '../db/imagePulls.ts';
import { removeOldMetrics } from '../db/metrics.ts';
import { removeOldSnapshots } from '../db/snapshots.ts';
import { removeExpiredTokens } from '../db/tokens.ts';
import type { ApiContext } from './context.ts';
import type { ApiConfig } from './config.ts';
import { LeaseWatch } from './failover/leaseWatch.ts';
import { beginWaiting } from './migrations/start.ts';
import { keepAttempts } from './migrations/attempts.ts';
import { dropExpiredUploads } from './images/parts.ts';
import { removeLeftovers } from './images/store.ts';
import { settle } from './settle.ts';
import { sweepSnapshotStore } from './snapshots/store.ts';

const PERIOD_MS = 1_000;
const CLEANING_EVERY = 600;
const SETTLING_EVERY = 3;
export interface Upkeep {
  /** Waits for what is under way. */
  stop(): Promise<void>;
}

/** What has to be done again and again, by one of the API's processes. */
export function startUpkeep(context: ApiContext, logger: FastifyBaseLogger): Upkeep {
  const startedAt = performance.now();
  const leases = new LeaseWatch(context, logger);
  let turn = 0;
  let lastFailure = '';
  let stopped = false;
  let timer: NodeJS.Timeout;
  let current = Promise.resolve();
  const tick = async () => {
    try {
      // After a stop of the control plane itself every device was silent: each gets its whole time again.
      const silenceCounts = performance.now() - startedAt > UNREACHABLE_AFTER_SECONDS * 1000;
      await once(context.db, async (tx) => {
        if (silenceCounts) {
          const lost = await markUnreachable(tx);
          if (lost.length > 0) logger.warn({ devices: lost }, 'devices do not answer');
        }
        if (turn % CLEANING_EVERY === 0) await clean(tx, context.config);
      });
      await leases.look();
      if (turn % SETTLING_EVERY === 0) {
        await settle(context, logger);
        await keepAttempts(context);
      }
      await beginWaiting(context);
      turn += 1;
      lastFailure = '';
    } catch (error) {
      // Once a period of Temporal's or the database's absence, not once a second.
      const words = error instanceof Error ? error.message : String(error);
      if (words !== lastFailure) logger.error({ err: error }, 'upkeep failed; it is tried again');
      lastFailure = words;
    }
    if (!stopped) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      current = tick();
    }, PERIOD_MS);
  };
  schedule();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}

async function clean(db: Database, config: ApiConfig): Promise<void> {
  const { dataDir } = config;
  await removeExpiredTokens(db);
  await removeOldIdempotencyKeys(db);
  await removeOldFailures(db);
  await removeOldAudit(db);
  await removeOldMetrics(db);
  await removeOldEvents(db);
  await removeOldApps(db);
  await removeOldSnapshots(db);
  await forgetDiscovered(db);
  await clearPulls(db);
  await dropExpiredUploads(db, dataDir);
  await removeLeftovers(dataDir);
  await sweepSnapshotStore({ db, config });
}

/** Does it unless another process is at it. */
async function once(db: Database, action: (tx: Database) => Promise<void>): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.execute<{ mine: boolean }>(
      sql`select pg_try_advisory_xact_lock(${AdvisoryLock.upkeep}) as mine`,
    );
    if (row?.mine === true) await action(tx);
  });
}
