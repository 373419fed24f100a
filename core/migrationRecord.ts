import type { Cause } from './cause.ts';
import type { MigrationState, Phase, Prediction, Round } from './migration.ts';

/** How a move's memory is copied and restored, and why so; what its record says of it. */
export interface RecordedPlan {
  tracker: { name: string; reason: string };
  restore: { mode: 'lazy' | 'eager'; reason: string };
}

/** One thing that a migration's record is told. */
export type RecordEntry =
  | { kind: 'state'; state: MigrationState; reason: string }
  | { kind: 'phases'; phases: Phase[] }
  | { kind: 'rounds'; rounds: Round[] }
  | { kind: 'plan'; plan: RecordedPlan }
  | { kind: 'prediction'; predicted: Prediction }
  /** The least share of processor time that the computes were given. */
  | { kind: 'throttle'; share: number };

/** What takes such things down, each by a call of its own. Idempotent, each of them. */
export interface RecordBook {
  setMigrationState(migrationId: string, state: MigrationState, reason: string): Promise<void>;
  recordPhases(migrationId: string, phases: Phase[]): Promise<void>;
  recordRounds(migrationId: string, rounds: Round[]): Promise<void>;
  recordMemoryPlan(migrationId: string, plan: RecordedPlan): Promise<void>;
  recordPrediction(migrationId: string, predicted: Prediction): Promise<void>;
  recordThrottle(migrationId: string, share: number): Promise<void>;
}

/** Tells the book one thing. @throws whatever the book throws */
export function tell(book: RecordBook, migrationId: string, entry: RecordEntry): Promise<void> {
  switch (entry.kind) {
    case 'state':
      return book.setMigrationState(migrationId, entry.state, entry.reason);
    case 'phases':
      return book.recordPhases(migrationId, entry.phases);
    case 'rounds':
      return book.recordRounds(migrationId, entry.rounds);
    case 'plan':
      return book.recordMemoryPlan(migrationId, entry.plan);
    case 'prediction':
      return book.recordPrediction(migrationId, entry.predicted);
    case 'throttle':
      return book.recordThrottle(migrationId, entry.share);
  }
}

/** A step of a move that did not go well at once, as the database keeps it. */
export interface StoredAttempt {
  /** What is done, in words. */
  step: string;
  activity: string;
  /** Temporal's: a device's, or the control plane's. */
  taskQueue: string;
  attempts: number;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  cause: Cause | null;
  /** RFC 3339 */
  startedAt: string;
  endedAt: string | null;
}
