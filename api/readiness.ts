import { setTimeout as pause } from 'node:timers/promises';

/** Longest wait for one of the parts, milliseconds. */
const CHECK_MS = 3_000;

/** What a process of the control plane needs to work; each rejects when it is away. */
export interface Checks {
  database(): Promise<unknown>;
  temporal(): Promise<unknown>;
}

export interface Readiness {
  ready: boolean;
  database: 'ok' | 'away';
  temporal: 'ok' | 'away';
}

/** Whether both can be reached; one that does not answer in 3 s is away. */
export async function readinessOf(checks: Checks): Promise<Readiness> {
  const [database, temporal] = await Promise.all([check(checks.database()), check(checks.temporal())]);
  return { ready: database === 'ok' && temporal === 'ok', database, temporal };
}

async function check(asked: Promise<unknown>): Promise<'ok' | 'away'> {
  const late = new AbortController();
  const answer = await Promise.race([
    asked.then(
      () => 'ok' as const,
      () => 'away' as const,
    ),
    pause(CHECK_MS, 'away' as const, { signal: late.signal }).catch(() => 'away' as const),
  ]);
  late.abort();
  return answer;
}
