import type { Schemas } from '../../../client/createClient.ts';
import type { Tone } from '../ui/stateLooks.ts';
import { OUTCOMES } from './filter.ts';

/** For how long back the statistics can be looked at. */
export const PERIODS = [
  { value: '86400', label: '24 h' },
  { value: '604800', label: '7 days' },
  { value: '2592000', label: '30 days' },
] as const;

export interface Outcome {
  id: string;
  label: string;
  tone: Tone;
  count: number;
  /** Of all moves, 0 to 1. */
  share: number;
}

const TONES: Record<string, Tone> = {
  ...{
    running: 'busy',
    succeeded: 'ok',
    failed: 'bad',
    rolledBack: 'warn',
    aborted: 'idle',
    refused: 'idle',
  },
};

/** How moves ended, those that have not last; outcomes that nothing has are left out. */
export function outcomesOf({ states }: Pick<Schemas['MigrationStatistics'], 'states'>): Outcome[] {
  const counted = Object.entries(OUTCOMES).map(([id, { label, states: which }]) => ({
    ...{ id, label, tone: TONES[id] ?? 'idle' },
    count: which.reduce((sum, state) => sum + (states[state] ?? 0), 0),
  }));
  const all = counted.reduce((sum, { count }) => sum + count, 0);
  return counted
    .filter(({ count }) => count > 0)
    .sort((one, other) => Number(one.id === 'running') - Number(other.id === 'running'))
    .map((outcome) => ({ ...outcome, share: outcome.count / all }));
}

/**
 * Of the moves that were carried through or should have been, the share that succeeded; null before the first. What was
 * refused before anything was done, or stopped by somebody, says nothing of how well moves go.
 */
export function successRate({ states }: Pick<Schemas['MigrationStatistics'], 'states'>): number | null {
  const succeeded = states.succeeded ?? 0;
  const tried = succeeded + (states.failed ?? 0) + (states.rolledBack ?? 0);
  return tried === 0 ? null : succeeded / tried;
}
