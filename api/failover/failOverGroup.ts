import type { FastifyBaseLogger } from 'fastify';
import { type Cause, RefusedError } from '../../core/cause.ts';
import { decideFailover } from '../../core/decideFailover.ts';
import { demandOfGroup } from '../../core/demand.ts';
import { computesOfGroup } from '../../db/computes.ts';
import type { Database } from '../../db/database.ts';
import { getDevice } from '../../db/devices.ts';
import { failOver, noteLost } from '../../db/failover.ts';
import { lockLease } from '../../db/leases.ts';
import { lockPlacing } from '../../db/planning/claims.ts';
import type { ApiContext } from '../context.ts';
import { startMaking } from '../computes/operate.ts';
import { chooseDevice } from '../placement.ts';

/**
 * Has a group that was lost with its device started on another one. Once that is on record it will be: should its making not
 * begin now, `settle` begins it.
 */
export async function failOverGroup(
  context: ApiContext,
  logger: FastifyBaseLogger,
  { group, deviceId }: { group: string; deviceId: string },
): Promise<void> {
  const given = await context.db.transaction(async (tx) => {
    // In the order in which all others take them.
    await lockPlacing(tx);
    const lease = await lockLease(tx, deviceId);
    return lease?.dead === true && (await giveAway({ ...context, db: tx }, group, deviceId));
  });
  if (!given) return;
  logger.warn({ group, device: deviceId }, 'what was lost with its device is started elsewhere');
  for (const compute of await computesOfGroup(context.db, group)) await startMaking(context, compute);
}

async function giveAway(context: ApiContext, group: string, deviceId: string): Promise<boolean> {
  const { db } = context;
  const computes = await computesOfGroup(db, group);
  const placement = computes[0]?.placement;
  // Meanwhile it is another's.
  if (placement?.deviceId !== deviceId) return false;
  const { action } = decideFailover({ transferOpen: placement.transferId !== null, computes });
  if (action !== 'restart') return false;
  const { id, name } = await getDevice(db, deviceId);
  try {
    // It may be heard of, and yet be without its lease.
    const { device } = await chooseDevice(context, demandOfGroup(computes), {
      against: (row) => (row.id === id ? [isDead(name)] : []),
    });
    return await failOver(db, { group, from: { id, name, epoch: placement.epoch }, to: device }, computes);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    await noteNowhere(db, computes, name, error);
    return false;
  }
}

function isDead(name: string): Cause {
  return {
    code: 'deviceDead',
    message: `Device ${name} has lost its lease.`,
    mend: 'Look at the device and its worker.',
  };
}

async function noteNowhere(
  db: Database,
  computes: Awaited<ReturnType<typeof computesOfGroup>>,
  device: string,
  { causes }: RefusedError,
): Promise<void> {
  const reason = `${device} is lost, and no other device can take it: ${causes[0].message}`;
  await noteLost(db, computes, reason, causes);
}
