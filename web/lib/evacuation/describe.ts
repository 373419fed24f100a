import type { Schemas } from '../../../client/createClient.ts';
import { OPEN_EVACUATION_STATES } from '../../../core/evacuation.ts';

export type Evacuation = Schemas['Evacuation'];
export type Summary = Schemas['EvacuationSummary'];
export type Item = Evacuation['items'][number];

/** What it is, for a heading. */
export function titleOf({ kind, device }: Pick<Summary, 'kind' | 'device'>): string {
  if (kind === 'rebalance') return 'Rebalance';
  return kind === 'return' ? `Return to ${device?.name ?? ''}` : `Evacuation of ${device?.name ?? ''}`;
}

/** How much of it is over, 0 to 1, and in words. */
export function progressOf({ counts }: Pick<Summary, 'counts'>): { share: number; words: string } {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const open = (counts.waiting ?? 0) + (counts.moving ?? 0);
  const moved = counts.moved ?? 0;
  return {
    share: all === 0 ? 1 : (all - open) / all,
    words: `${String(moved)} of ${String(all)} moved${open > 0 ? `, ${String(open)} to go` : ''}`,
  };
}

export function isOpen({ state }: Pick<Summary, 'state'>): boolean {
  return OPEN_EVACUATION_STATES.includes(state);
}

/** Names of what moves as one. */
export function namesOf({ computes, group }: Pick<Item, 'computes' | 'group'>): string {
  return computes.length === 0 ? group : computes.map(({ name }) => name).join(', ');
}
