import type { Schemas } from '../../../client/createClient.ts';

type Reference = Schemas['Reference'];
type Move = Pick<
  Schemas['Migration'],
  'id' | 'source' | 'target' | 'state' | 'createdAt' | 'endedAt' | 'dryRun'
>;

/** A time that a compute was on one device. */
export interface Stay {
  device: Reference;
  /** ISO times; `to` is null for where it is now. */
  from: string;
  to: string | null;
  /** The move that brought it there; null where it was made. */
  broughtBy: string | null;
}

/** Where a compute has been, oldest first, by its moves in any order and where it is now. */
export function whereItWas(
  { device, createdAt }: { device: Reference; createdAt: string },
  moves: readonly Move[],
): Stay[] {
  const done = moves
    .filter(({ state, endedAt, dryRun }) => state === 'succeeded' && endedAt !== null && !dryRun)
    .sort((one, other) => ((one.endedAt ?? '') < (other.endedAt ?? '') ? -1 : 1));
  const stays: Stay[] = [];
  let from = createdAt;
  let broughtBy: string | null = null;
  for (const { id, source, endedAt } of done) {
    stays.push({ device: source, from, to: endedAt, broughtBy });
    from = endedAt ?? from;
    broughtBy = id;
  }
  stays.push({ device, from, to: null, broughtBy });
  return stays;
}

/** The share of the time that each stay has of all, none so little that it cannot be seen; together one. */
export function shares(stays: readonly Stay[], now: number, least: number): number[] {
  const lengths = stays.map(({ from, to }) =>
    Math.max(0, (to === null ? now : Date.parse(to)) - Date.parse(from)),
  );
  const all = lengths.reduce((sum, length) => sum + length, 0);
  const raised = lengths.map((length) => Math.max(all > 0 ? length / all : 0, least));
  const sum = raised.reduce((total, share) => total + share, 0);
  return raised.map((share) => share / sum);
}
