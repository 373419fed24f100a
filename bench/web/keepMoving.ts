import { setTimeout as pause } from 'node:timers/promises';
import { listOf } from '../../core/api/common.ts';
import { DrayageError } from '../../core/cause.ts';
import { migrationSchema, OPEN_MIGRATION_STATES } from '../../core/migration.ts';
import type { ControlApi } from '../../lab/controlApi.ts';

/** Between two looks at how many moves run, milliseconds. */
const LOOK_MS = 1_000;
const QUERY = new URLSearchParams([
  ['limit', '500'] as [string, string],
  ...OPEN_MIGRATION_STATES.map((state): [string, string] => ['state', state]),
]).toString();

export interface Moving {
  /** Moves that were started so far. */
  started(): number;
  /** Starts no more, and resolves when none runs. */
  stop(): Promise<void>;
}

/** Keeps so many moves of the given computes running, one compute after the other. Resolves when so many run. */
export async function keepMoving(
  api: ControlApi,
  computes: readonly string[],
  moves: number,
  signal: AbortSignal,
): Promise<Moving> {
  let next = 0;
  let started = 0;
  let wanted = Math.min(moves, computes.length);
  const running = async () => {
    const page = listOf(migrationSchema.pick({ id: true })).parse(
      await api.request('GET', `/migrations?${QUERY}`),
    );
    return page.items.length;
  };
  const startOne = async () => {
    const id = computes[next++ % computes.length] ?? '';
    try {
      await api.request('POST', `/computes/${id}/migrations`, {});
      started += 1;
    } catch (error) {
      // It is being moved still, or has just been: another one then.
      if (!(error instanceof DrayageError)) throw error;
    }
  };
  const topUp = async () => {
    const missing = wanted - (await running());
    await Promise.all(Array.from({ length: Math.max(0, missing) }, startOne));
  };
  await topUp();
  const keep = async () => {
    while (!signal.aborted && wanted > 0) {
      await pause(LOOK_MS);
      await topUp();
    }
  };
  const kept = keep();
  return {
    started: () => started,
    stop: async () => {
      wanted = 0;
      await kept;
      while (!signal.aborted && (await running()) > 0) await pause(LOOK_MS);
    },
  };
}
