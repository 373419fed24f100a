import { cancellationSignal } from '@temporalio/activity';
import { randomBytes } from 'node:crypto';
import type { Inventory } from '../core/device.ts';
import { DrayageError } from '../core/cause.ts';
import { newId } from '../core/ids.ts';
import { createAppCompute, setAppState } from '../db/apps.ts';
import { removeCompute, setComputeState, setRestored } from '../db/computes.ts';
import { endUpdate, undoUpdate } from '../db/computeUpdates.ts';
import type { Database } from '../db/database.ts';
import { getDevice } from '../db/devices.ts';
import { pullFailed } from '../db/imagePulls.ts';
import { migrationBook, writeMigration } from '../db/migrationBook.ts';
import { freezeHistory } from '../db/migrationMemory.ts';
import { finishMigration } from '../db/migrationRecords.ts';
import { failSnapshot, finishSnapshot, reserveSnapshot } from '../db/snapshots.ts';
import { closeTransfer, openTransfer } from '../db/transfers.ts';
import type { ControlActivities, PullActivities } from './controlInterface.ts';
import { beating } from './beating.ts';
import { withFailures } from './failure.ts';

/** Gets an image from its registry. */
type PullImage = (pullId: string, signal: AbortSignal) => Promise<void>;

/** The control plane's activities: each one statement or transaction of `db/`, but for `pull`. */
export function createControlActivities(db: Database, pull: PullImage): ControlActivities & PullActivities {
  const activities = {
    ...migrationBook(db),
    recordMigration: (migrationId, entries) => writeMigration(db, migrationId, entries),
    freezeHistory: (computeIds) => freezeHistory(db, computeIds),
    async finishMigration({ migrationId, ...end }) {
      await finishMigration(db, migrationId, end);
    },
    async inventories(source, target) {
      return { source: await inventoryOf(db, source), target: await inventoryOf(db, target) };
    },
    async openTransfer(input) {
      await openTransfer(db, input);
    },
    closeTransfer: (transferId, outcome) => closeTransfer(db, transferId, outcome),
    async setComputeState(computeId, state, reason) {
      await setComputeState(db, computeId, state, reason === undefined ? {} : { reason });
    },
    endUpdate: (computeId, message, actor) => endUpdate(db, computeId, message, actor),
    undoUpdate: (computeId, before, cause) => undoUpdate(db, computeId, before, cause),
    setRestored: (computeId) => setRestored(db, computeId),
    reserveSnapshot: (snapshotId, bytes) => reserveSnapshot(db, snapshotId, bytes),
    finishSnapshot: (snapshotId, content) => finishSnapshot(db, snapshotId, content),
    failSnapshot: (snapshotId, cause) => failSnapshot(db, snapshotId, cause),
    removeComputeRecord: (computeId) => removeCompute(db, computeId),
    setAppState: (appId, state, causes) => setAppState(db, appId, state, causes),
    createAppCompute: (appId, range) =>
      createAppCompute(db, appId, {
        range,
        computeId: newId('compute', randomBytes),
        group: newId('group', randomBytes),
      }),
    pullImage: (pullId) => beating(() => pull(pullId, cancellationSignal())),
    recordPullFailure: (pullId, cause) => pullFailed(db, pullId, cause),
  } satisfies ControlActivities & PullActivities;
  return withFailures(activities);
}

async function inventoryOf(db: Database, deviceId: string): Promise<Inventory> {
  const { inventory, name } = await getDevice(db, deviceId);
  if (inventory) return inventory;
  throw new DrayageError({
    code: 'deviceUnknownYet',
    message: `Device ${name} has not said yet what it is.`,
    mend: 'Wait for its first heartbeat and try again.',
  });
}
