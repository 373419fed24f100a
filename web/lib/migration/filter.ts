import type { Schemas } from '../../../client/createClient.ts';
import { type MigrationState, OPEN_MIGRATION_STATES } from '../../../core/migration.ts';

type Move = Schemas['Migration'];

/** What the list of moves is cut down to; it stands in the address. */
export interface MoveFilter {
  /** A key of OUTCOMES; '' for all. */
  outcome: string;
  /** Ids; '' for all. */
  device: string;
  compute: string;
  /** Of all tenants; for the operator. */
  all: boolean;
}

/** The states that people look for, some of them as one. */
export const OUTCOMES: Record<string, { label: string; states: readonly MigrationState[] }> = {
  running: {
    label: 'Under way',
    states: OPEN_MIGRATION_STATES,
  },
  succeeded: { label: 'Succeeded', states: ['succeeded'] },
  failed: { label: 'Failed', states: ['failed'] },
  rolledBack: { label: 'Rolled back', states: ['rolledBack'] },
  aborted: { label: 'Aborted', states: ['aborted'] },
  refused: { label: 'Refused', states: ['refused'] },
};

/** Reads the filter of an address; what nobody may ask for is left out. */
export function filterOf(search: Record<string, unknown>, isOperator: boolean): MoveFilter {
  const text = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const outcome = text(search['state']);
  return {
    outcome: Object.hasOwn(OUTCOMES, outcome) ? outcome : '',
    device: text(search['device']),
    compute: text(search['compute']),
    all: isOperator && search['all'] === true,
  };
}

/** The filter as it stands in an address; what filters nothing is not there. */
export function searchOf({ outcome, device, compute, all }: MoveFilter): Record<string, string | boolean> {
  const parts = { state: outcome, device, compute, all };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== '' && value !== false));
}

/** The same for the API. */
export function queryOf({ outcome, device, compute, all }: MoveFilter) {
  return {
    ...(outcome === '' ? {} : { state: [...(OUTCOMES[outcome]?.states ?? [])] }),
    ...(device === '' ? {} : { device }),
    ...(compute === '' ? {} : { compute }),
    ...(all ? { all: 'true' } : {}),
  };
}

/** Whether a move that has changed is (still) one of those that are looked at. */
export function matchesFilter(
  move: Pick<Move, 'state' | 'compute' | 'source' | 'target'>,
  filter: MoveFilter,
): boolean {
  const { outcome, device, compute } = filter;
  if (outcome !== '' && OUTCOMES[outcome]?.states.includes(move.state) !== true) return false;
  if (device !== '' && move.source.id !== device && move.target.id !== device) return false;
  return compute === '' || move.compute.id === compute;
}
