import type { FastifyBaseLogger } from 'fastify';
import { RefusedError } from '../../core/cause.ts';
import { demandOf } from '../../core/demand.ts';
import { keepAt, unkeptComputes } from '../../db/checkpoints.ts';
import { getCompute } from '../../db/computes.ts';
import { getDevice } from '../../db/devices.ts';
import { placing } from '../../db/planning/claims.ts';
import type { ApiContext } from '../context.ts';
import { chooseDevice } from '../placement.ts';
import { newCheckpointKey } from './checkpointKeys.ts';

/**
 * Finds a device for the checkpoints of each compute that has none: one that it could be moved to, for it is to go on there.
 * Where there is no such device it is looked for again; the compute says that it has no checkpoint.
 */
export async function assignPeers(context: ApiContext, logger: FastifyBaseLogger): Promise<void> {
  const { db, config } = context;
  for (const { computeId, deviceId, peerId } of await unkeptComputes(db)) {
    try {
      await placing(db, async (tx) => {
        const compute = await getCompute(tx, computeId);
        const source = await getDevice(tx, deviceId);
        const { device } = await chooseDevice({ db: tx, config }, demandOf(compute), { source });
        if (device.id === peerId) return;
        await keepAt(tx, { computeId, peerId: device.id, sealedKey: newCheckpointKey(context, computeId) });
        logger.info({ compute: computeId, device: device.id }, 'checkpoints of a compute go to a device');
      });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }
}
