import { CancellationScope } from '@temporalio/workflow';
import type { MigrationState, PhaseName } from '../core/migration.ts';
import { controlActivities } from './activityProxies.ts';

/** Records what a migration is doing, one sentence. */
export async function enter(migrationId: string, state: MigrationState, reason: string): Promise<void> {
  await controlActivities().setMigrationState(migrationId, state, reason);
}

/** Records how long a step took that is not of the hot window; one that fails is recorded too. */
export async function timed<T>(migrationId: string, name: PhaseName, step: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  try {
    return await step();
  } finally {
    const phase = { name, startedAt: new Date(startedAt).toISOString(), ms: Date.now() - startedAt };
    await CancellationScope.nonCancellable(() => controlActivities().recordPhases(migrationId, [phase]));
  }
}
