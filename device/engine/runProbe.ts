import type { ProbeOutcome } from '../../core/decideHealth.ts';
import type { HealthCheck } from '../../core/healthCheck.ts';
import { toCause } from '../../core/toCause.ts';
import type { ExecSessions, OpenSession } from './execSessions.ts';
import type { Engine } from './types.ts';

export interface ProbeDeps {
  engine: Pick<Engine, 'listComputes'>;
  sessions: Pick<ExecSessions, 'open' | 'isFree'>;
}

/** Runs a compute's check once. `notNow`: nothing was learned of it, for it is being moved, or does not run. */
export async function runProbe(
  { engine, sessions }: ProbeDeps,
  computeId: string,
  { command, timeoutSeconds }: HealthCheck,
): Promise<ProbeOutcome | 'notNow'> {
  if (!sessions.isFree(computeId, 'probe')) return 'notNow';
  let opened: OpenSession;
  try {
    opened = await sessions.open(computeId, command, { tty: false, stdin: false }, 'probe');
  } catch (error) {
    const runs = (await engine.listComputes().catch(() => [])).some(
      (one) => one.computeId === computeId && one.running && !one.paused,
    );
    if (!runs || !sessions.isFree(computeId, 'probe')) return 'notNow';
    return { kind: 'notStarted', message: toCause(error).message };
  }
  const { session, endedBy } = opened;
  // What is not read would keep the program waiting.
  session.onOutput(() => {});
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void session.end().catch(() => {});
  }, timeoutSeconds * 1000);
  try {
    const code = await session.done;
    if (endedBy()) return 'notNow';
    return late ? { kind: 'timeout' } : { kind: 'exit', code };
  } catch (error) {
    if (endedBy()) return 'notNow';
    return late ? { kind: 'timeout' } : { kind: 'notStarted', message: toCause(error).message };
  } finally {
    clearTimeout(timer);
  }
}
