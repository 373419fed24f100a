import Ban from '@lucide/svelte/icons/ban';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleHelp from '@lucide/svelte/icons/circle-question-mark';
import CirclePause from '@lucide/svelte/icons/circle-pause';
import CircleStop from '@lucide/svelte/icons/circle-stop';
import CircleX from '@lucide/svelte/icons/circle-x';
import Hourglass from '@lucide/svelte/icons/hourglass';
import LoaderCircle from '@lucide/svelte/icons/loader-circle';
import type { Schemas } from '../../../client/createClient.ts';
import type { StateLook } from '../ui/stateLooks.ts';

export type Evacuation = Schemas['Evacuation'];
export type Summary = Schemas['EvacuationSummary'];
export type Item = Evacuation['items'][number];

export const LOOKS: Record<Summary['state'], StateLook> = {
  running: { tone: 'busy', word: 'Running', icon: LoaderCircle, turns: true },
  paused: { tone: 'warn', word: 'Paused', icon: CirclePause },
  cancelling: { tone: 'busy', word: 'Being cancelled', icon: LoaderCircle, turns: true },
  succeeded: { tone: 'ok', word: 'Done', icon: CircleCheck },
  incomplete: { tone: 'warn', word: 'Incomplete', icon: CircleHelp },
  cancelled: { tone: 'idle', word: 'Cancelled', icon: Ban },
  failed: { tone: 'bad', word: 'Failed', icon: CircleX },
};

export const ITEM_LOOKS: Record<Item['state'], StateLook> = {
  waiting: { tone: 'idle', word: 'Waits', icon: Hourglass },
  moving: { tone: 'busy', word: 'Moves', icon: LoaderCircle, turns: true },
  moved: { tone: 'ok', word: 'Moved', icon: CircleCheck },
  left: { tone: 'warn', word: 'Left', icon: CircleHelp },
  stopped: { tone: 'idle', word: 'Stopped', icon: CircleStop },
  gone: { tone: 'idle', word: 'Gone by itself', icon: Ban },
};

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
  return state === 'running' || state === 'paused' || state === 'cancelling';
}

/** Names of what moves as one. */
export function namesOf({ computes, group }: Pick<Item, 'computes' | 'group'>): string {
  return computes.length === 0 ? group : computes.map(({ name }) => name).join(', ');
}
