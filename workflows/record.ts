import { CancellationScope, log, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { ControlActivities } from '../activities/controlInterface.ts';
import type { MigrationState, PhaseName } from '../core/migration.ts';
import { controlActivities } from './activityProxies.ts';

/**
 * What a migration's record is told, one thing after the other, in the order in which it happened. The move does not wait
 * for that: a database that is slow, or away, lengthens nothing but the record's delay.
 */
export class Recorder {
  readonly #migrationId: string;
  #last: Promise<void> = Promise.resolve();

  constructor(migrationId: string) {
    this.#migrationId = migrationId;
  }

  /** `write` is called when all before it is on record; also when the workflow was cancelled meanwhile. */
  write(
    write: (control: ActivityInterfaceFor<ControlActivities>, migrationId: string) => Promise<void>,
  ): void {
    this.#last = this.#last
      .then(() => CancellationScope.nonCancellable(() => write(controlActivities(), this.#migrationId)))
      .catch((error: unknown) => log.error('the record lacks something', { error: String(error) }));
  }

  /** What the migration is doing, one sentence. */
  enter(state: MigrationState, reason: string): void {
    this.write((control, id) => control.setMigrationState(id, state, reason));
  }

  /** How long a step takes that is not of the hot window; one that fails is recorded too. */
  async timed<T>(name: PhaseName, step: () => Promise<T>): Promise<T> {
    const startedAt = Date.now();
    try {
      return await step();
    } finally {
      const phase = { name, startedAt: new Date(startedAt).toISOString(), ms: Date.now() - startedAt };
      this.write((control, id) => control.recordPhases(id, [phase]));
    }
  }

  /** Resolves when all of it is on record. */
  done(): Promise<void> {
    return this.#last;
  }
}
