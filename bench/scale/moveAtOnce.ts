import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { listOf } from '../../core/api/common.ts';
import { type MigrationView, migrationViewSchema } from '../../core/api/migrations.ts';
import { DrayageError } from '../../core/cause.ts';
import { OPEN_MIGRATION_STATES } from '../../core/migration.ts';
import type { ControlApi } from '../../lab/controlApi.ts';
import type { Moves } from './step.ts';

/** Between two looks at what has not ended, milliseconds. */
const LOOK_MS = 1_000;
const OPEN = new URLSearchParams([
  ['limit', '500'] as [string, string],
  ...OPEN_MIGRATION_STATES.map((state): [string, string] => ['state', state]),
]).toString();
const acceptedSchema = z.object({ id: z.string() });

/** Asks for a move of each of these computes at once, and waits until all have ended. `told` hears how many have not. */
export async function moveAtOnce(
  api: ControlApi,
  computes: readonly string[],
  signal: AbortSignal,
  told: (open: number) => void,
): Promise<Moves> {
  const reasons: string[] = [];
  const ask = async (compute: string) => {
    try {
      return [acceptedSchema.parse(await api.request('POST', `/computes/${compute}/migrations`, {})).id];
    } catch (error) {
      if (!(error instanceof DrayageError)) throw error;
      reasons.push(error.message);
      return [];
    }
  };
  const ids = new Set((await Promise.all(computes.map(ask))).flat());
  for (let open = ids.size; open > 0;) {
    await pause(LOOK_MS, undefined, { signal });
    open = await countOpen(api);
    told(open);
  }
  const records = await recordsOf(api, ids);
  const good = records.filter(({ state }) => state === 'succeeded');
  reasons.push(...records.filter(({ state }) => state !== 'succeeded').map(({ reason }) => reason));
  return {
    ...{ asked: computes.length, succeeded: good.length, reasons },
    seconds: spanSeconds(records),
    startMs: good.flatMap((record) => {
      const first = Math.min(...record.phases.map(({ startedAt }) => Date.parse(startedAt)));
      return Number.isFinite(first) ? [first - Date.parse(record.createdAt)] : [];
    }),
  };
}

/** From the first request to the last end, seconds. */
export function spanSeconds(records: readonly Pick<MigrationView, 'createdAt' | 'endedAt'>[]): number {
  const begins = records.map(({ createdAt }) => Date.parse(createdAt));
  const ends = records.map(({ endedAt }) => Date.parse(endedAt ?? ''));
  return records.length === 0 ? 0 : (Math.max(...ends) - Math.min(...begins)) / 1000;
}

async function countOpen(api: ControlApi): Promise<number> {
  const open = await api.request('GET', `/migrations?${OPEN}`);
  return listOf(z.object({ id: z.string() })).parse(open).items.length;
}

/** Newest first, as far back as they go. */
async function recordsOf(api: ControlApi, ids: ReadonlySet<string>): Promise<MigrationView[]> {
  const found: MigrationView[] = [];
  let cursor: string | null = '';
  while (found.length < ids.size && cursor !== null) {
    const after: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = listOf(migrationViewSchema).parse(await api.request('GET', `/migrations?limit=500${after}`));
    found.push(...page.items.filter(({ id }) => ids.has(id)));
    cursor = page.nextCursor;
  }
  return found;
}
