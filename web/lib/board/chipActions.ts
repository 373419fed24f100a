import ArrowRightLeft from '@lucide/svelte/icons/arrow-right-left';
import Box from '@lucide/svelte/icons/box';
import CircleStop from '@lucide/svelte/icons/circle-stop';
import MoveRight from '@lucide/svelte/icons/move-right';
import Play from '@lucide/svelte/icons/play';
import Trash2 from '@lucide/svelte/icons/trash-2';
import type { Compute, Migration } from '../state/collections.ts';
import type { MenuItem } from '../ui/Menu.svelte';

export interface ChipDoings {
  move: () => void;
  start: () => void;
  stop: () => void;
  remove: () => void;
}

/** The menu of a compute on the board. Who may only look is offered nothing else. */
export function chipActions(
  { id, state }: Pick<Compute, 'id' | 'state'>,
  move: Pick<Migration, 'id'> | undefined,
  mayAct: boolean,
  doings: ChipDoings,
): MenuItem[] {
  const items: MenuItem[] = [{ label: 'Open', icon: Box, href: `/computes/${id}` }];
  if (move) items.push({ label: 'Show the move', icon: ArrowRightLeft, href: `/migrations/${move.id}` });
  if (!mayAct) return items;
  const moving = move !== undefined || state === 'migrating';
  if (!moving) items.push({ label: 'Move to…', icon: MoveRight, shortcut: 'm', onSelect: doings.move });
  if (state === 'running') items.push({ label: 'Stop', icon: CircleStop, onSelect: doings.stop });
  if (state === 'stopped' || state === 'failed')
    items.push({ label: 'Start', icon: Play, onSelect: doings.start });
  if (!moving)
    items.push('separator', { label: 'Delete', icon: Trash2, danger: true, onSelect: doings.remove });
  return items;
}
