import { eq } from 'drizzle-orm';
import type { MigrationState } from '../../../core/migration.ts';
import { getCompute, setComputeState } from '../../../db/computes.ts';
import type { Database } from '../../../db/database.ts';
import { setProgress } from '../../../db/migrationMemory.ts';
import { finishMigration, openMigration, setMigrationState } from '../../../db/migrationRecords.ts';
import { placement } from '../../../db/schema/index.ts';

const MIB = 2 ** 20;

/** The move of a compute that was asked for, in the hands of the test: Temporal is away, so nothing else goes on with it. */
export async function moveOf(db: Database, compute: string) {
  const { groupId } = await getCompute(db, compute);
  const move = await openMigration(db, groupId);
  if (!move) throw new Error('no move was asked for');
  const { id, sourceId, targetId } = move;
  return {
    id,
    targetId,
    /** It copies memory, and has sent so many MiB in its first round. */
    copy: async (sentMib: number) => {
      await setComputeState(db, compute, 'migrating');
      await enter('precopying');
      await setProgress(db, id, sourceId, {
        ...{ round: 1, pages: 1_000, bytes: sentMib * MIB, wireBytes: sentMib * MIB },
        ...{ bytesPerSecond: 40 * MIB, expectedFreezeMs: 90 },
      });
    },
    succeed: async (frozenMs: number) => {
      await db.update(placement).set({ deviceId: targetId, epoch: 2 }).where(eq(placement.groupId, groupId));
      await setComputeState(db, compute, 'running');
      await finishMigration(db, id, { state: 'succeeded', reason: 'It moved.', frozenMs });
    },
    fail: async (message: string, mend: string) => {
      await setComputeState(db, compute, 'running');
      await finishMigration(db, id, {
        ...{ state: 'failed', reason: message },
        causes: [{ code: 'linkLost', message, mend }],
      });
    },
  };

  async function enter(state: MigrationState): Promise<void> {
    await setMigrationState(db, id, state, 'It copies its memory.');
  }
}
