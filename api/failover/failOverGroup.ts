import type { FastifyBaseLogger } from 'fastify';
import { type Cause, RefusedError } from '../../core/cause.ts';
import { decideFailover } from '../../core/decideFailover.ts';
import { demandOfGroup } from '../../core/demand.ts';
import { findCheckpoint, type Kept } from '../../db/checkpoints.ts';
import { computesOfGroup } from '../../db/computes.ts';
import type { Database } from '../../db/database.ts';
import { getDevice } from '../../db/devices.ts';
import { failOver, noteLost } from '../../db/failover.ts';
import { lockLease, type LostWithDevice } from '../../db/leases.ts';
import { placing } from '../../db/planning/claims.ts';
import type { ApiContext } from '../context.ts';
import { startMaking } from '../computes/operate.ts';
import { chooseDevice } from '../placement.ts';
import { askPromise } from './askPromise.ts';

/**
 * Has a group that was lost with its device started on another one. Once that is on record it will be: should its making not
 * begin now, `settle` begins it.
 */
export async function failOverGroup(
  context: ApiContext,
  logger: FastifyBaseLogger,
  { group, deviceId, generation }: LostWithDevice,
): Promise<void> {
  const [first] = await computesOfGroup(context.db, group);
  const checkpoint = first ? await askKeepers(context, first.id, generation - 1) : null;
  const given = await placing(context.db, async (tx) => {
    const lease = await lockLease(tx, deviceId);
    // What was promised was of this death.
    if (lease?.dead !== true || lease.generation !== generation) return false;
    return giveAway({ ...context, db: tx }, { group, deviceId, checkpoint });
  });
  if (!given) return;
  logger.warn({ group, device: deviceId }, 'what was lost with its device is started elsewhere');
  for (const compute of await computesOfGroup(context.db, group)) await startMaking(context, compute);
}

interface Known {
  kept: Kept;
  keeper: { lives: boolean } | null;
}

/**
 * The last checkpoint of a compute, and what is said by the devices that may have granted it a lease: the one that has it, and
 * the one that the next one goes to. All of them have to promise. `generation`: of its device's lease before it died.
 */
async function askKeepers(context: ApiContext, computeId: string, generation: number): Promise<Known | null> {
  const kept = await findCheckpoint(context.db, computeId);
  if (kept === null) return null;
  const answers: ({ lives: boolean } | null)[] = [];
  for (const id of new Set([kept.keptBy, kept.peerId])) {
    const device = await getDevice(context.db, id);
    // Nobody waits for one that is known to be silent.
    const silent = device.unreachableAt !== null;
    answers.push(silent ? null : await askPromise(context, device, { computeId, generation }));
  }
  const all = answers.filter((answer) => answer !== null);
  const keeper = all.length < answers.length ? null : { lives: all.some(({ lives }) => lives) };
  return { kept, keeper };
}

async function giveAway(
  context: ApiContext,
  { group, deviceId, checkpoint }: { group: string; deviceId: string; checkpoint: Known | null },
): Promise<boolean> {
  const { db } = context;
  const computes = await computesOfGroup(db, group);
  const placement = computes[0]?.placement;
  // Meanwhile it is another's.
  if (placement?.deviceId !== deviceId) return false;
  const { action } = decideFailover({ transferOpen: placement.transferId !== null, computes, checkpoint });
  const { id, name } = await getDevice(db, deviceId);
  const from = { id, name, epoch: placement.epoch };
  if (action === 'restore' && checkpoint) {
    const { kept } = checkpoint;
    const lostSeconds = Math.max(0, (Date.now() - kept.takenAt.getTime()) / 1000);
    return failOver(db, { group, from, to: await getDevice(db, kept.keptBy), lostSeconds }, computes);
  }
  if (action !== 'restart') return false;
  try {
    // It may be heard of, and yet be without its lease.
    const { device } = await chooseDevice(context, demandOfGroup(computes), {
      against: (row) => (row.id === id ? [isDead(name)] : []),
    });
    return await failOver(db, { group, from, to: device, lostSeconds: null }, computes);
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
