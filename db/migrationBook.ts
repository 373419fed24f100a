import { tell, type RecordBook, type RecordEntry } from '../core/migrationRecord.ts';
import type { Database } from './database.ts';
import { setMemoryPlan, setPrediction, setThrottle } from './migrationMemory.ts';
import { addPhases, addRounds, setMigrationState } from './migrationRecords.ts';

/** What a move tells, written into its record. */
export function migrationBook(db: Database): RecordBook {
  return {
    async setMigrationState(migrationId, state, reason) {
      await setMigrationState(db, migrationId, state, reason);
    },
    recordPhases: (migrationId, phases) => addPhases(db, migrationId, phases),
    recordRounds: (migrationId, rounds) => addRounds(db, migrationId, rounds),
    recordMemoryPlan: (migrationId, plan) => setMemoryPlan(db, migrationId, plan),
    recordPrediction: (migrationId, predicted) => setPrediction(db, migrationId, predicted),
    recordThrottle: (migrationId, share) => setThrottle(db, migrationId, share),
  };
}

/** Writes all of it, in its order, or nothing. */
export async function writeMigration(
  db: Database,
  migrationId: string,
  entries: RecordEntry[],
): Promise<void> {
  await db.transaction(async (tx) => {
    const book = migrationBook(tx);
    for (const entry of entries) await tell(book, migrationId, entry);
  });
}
