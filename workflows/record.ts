import { CancellationScope, condition, log, patched } from '@temporalio/workflow';
import type { MigrationState, PhaseName } from '../core/migration.ts';
import { tell, type RecordEntry } from '../core/migrationRecord.ts';
import { controlActivities } from './activityProxies.ts';

/**
 * What a migration's record is told, in the order in which it happened. The move does not wait for that: a database that is
 * slow, or away, lengthens nothing but the record's delay. All that there is to tell goes in one activity, so that the
 * control plane has little to do while the computes are frozen: there it may share a processor with a device.
 */
export class Recorder {
  readonly #migrationId: string;
  /** Moves that began before told each thing by an activity of its own. */
  readonly #together = patched('record-together');
  #waiting: RecordEntry[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(migrationId: string) {
    this.#migrationId = migrationId;
  }

  /** On record once all before it is; also when the workflow was cancelled meanwhile. */
  write(entry: RecordEntry): void {
    const each = () => tell(controlActivities(), this.#migrationId, entry);
    if (this.#together) this.#waiting.push(entry);
    this.#last = this.#last
      .then(() => CancellationScope.nonCancellable(this.#together ? () => this.#send() : each))
      .catch((error: unknown) => log.error('the record lacks something', { error: String(error) }));
  }

  /** What the migration is doing, one sentence. */
  enter(state: MigrationState, reason: string): void {
    this.write({ kind: 'state', state, reason });
  }

  /** How long a step takes that is not of the hot window; one that fails is recorded too. */
  async timed<T>(name: PhaseName, step: () => Promise<T>): Promise<T> {
    const startedAt = Date.now();
    try {
      return await step();
    } finally {
      const phase = { name, startedAt: new Date(startedAt).toISOString(), ms: Date.now() - startedAt };
      this.write({ kind: 'phases', phases: [phase] });
    }
  }

  /** Resolves when all of it is on record. */
  done(): Promise<void> {
    return this.#last;
  }

  async #send(): Promise<void> {
    if (this.#waiting.length === 0) return;
    await nothingLeftToDo();
    await controlActivities().recordMigration(this.#migrationId, this.#waiting.splice(0));
  }
}

/** Resolves when the workflow has done all that it can do now, and would wait: conditions are asked again only then. */
function nothingLeftToDo(): Promise<void> {
  let asked = false;
  return condition(() => {
    const again = asked;
    asked = true;
    return again;
  });
}
