import type { Health, HealthCheck } from './healthCheck.ts';

/** How a run of the check ended. */
export type ProbeOutcome =
  { kind: 'exit'; code: number } | { kind: 'timeout' } | { kind: 'notStarted'; message: string };

export interface HealthView {
  check: HealthCheck;
  before: Health;
  /** Failed runs in a row before this one. */
  failures: number;
  outcome: ProbeOutcome;
  /** Since the compute's program was started, wherever; milliseconds. */
  ranMs: number;
}

export interface HealthDecision extends Health {
  /** Failed runs in a row now. */
  failures: number;
}

/** At the start, before anything was tried. */
export const STARTING: Health = { state: 'starting', reason: 'It has not been checked yet.' };

/** What a run of the check says about a compute. One that is moved keeps its state: only failures in a row change it. */
export function decideHealth({ check, before, failures, outcome, ranMs }: HealthView): HealthDecision {
  if (outcome.kind === 'exit' && outcome.code === 0)
    return { state: 'healthy', reason: 'The check succeeds.', failures: 0 };
  const words = wordsOf(outcome, check);
  if (before.state === 'starting' && ranMs < check.startPeriodSeconds * 1000)
    return { state: 'starting', reason: `${words} It is still starting.`, failures: 0 };
  const now = failures + 1;
  if (now >= check.retries)
    return { state: 'unhealthy', reason: `${words} It failed ${times(now)} in a row.`, failures: now };
  return { ...before, failures: now };
}

function wordsOf(outcome: ProbeOutcome, { timeoutSeconds }: HealthCheck): string {
  if (outcome.kind === 'exit') return `The check ended with exit code ${String(outcome.code)}.`;
  if (outcome.kind === 'timeout') return `The check took longer than ${String(timeoutSeconds)} s.`;
  return `The check could not be started: ${outcome.message.slice(0, 200)}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${String(count)} times`;
}
