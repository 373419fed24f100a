import type { Schemas } from '../../../client/createClient.ts';
import { formatBytes } from '../../../core/memorySize.ts';
import { formatCount, formatDuration, formatRate } from '../format/numbers.ts';

export type Round = Schemas['Migration']['rounds'][number];

const PAGE = 4_096;

export interface RoundFigure {
  id: string;
  label: string;
  /** Null: not measured in that round. */
  of: (round: Round) => number | null;
  format: (value: number) => string;
}

/** What of rounds can be looked at. */
export const ROUND_FIGURES: readonly RoundFigure[] = [
  { id: 'bytes', label: 'Memory', of: ({ bytes }) => bytes, format: formatBytes },
  { id: 'wire', label: 'On the wire', of: ({ wireBytes }) => wireBytes, format: formatBytes },
  { id: 'pages', label: 'Pages', of: ({ pages }) => pages, format: formatCount },
  {
    id: 'dirty',
    label: 'Dirty rate',
    // Before the first round nothing is known of what changes.
    of: ({ round, dirtyPagesPerSecond: rate }) => (round === 1 ? null : rate * PAGE),
    format: formatRate,
  },
  {
    id: 'link',
    label: 'Link rate',
    of: ({ linkBytesPerSecond }) => linkBytesPerSecond,
    format: formatRate,
  },
  { id: 'time', label: 'Time', of: ({ ms }) => ms, format: formatDuration },
];

/** The shares of the longest bar, 0 to 1, in the order of the rounds; null where a round has no figure. */
export function sharesOf(rounds: readonly Round[], { of }: Pick<RoundFigure, 'of'>): (number | null)[] {
  const values = rounds.map(of);
  const most = Math.max(0, ...values.map((value) => value ?? 0));
  return values.map((value) => (value === null ? null : most === 0 ? 0 : value / most));
}

/** What was decided after a round, in words. */
export const DECISION_WORDS: Record<Round['decision'], string> = {
  round: 'Another round',
  switch: 'Switch over',
  throttle: 'Slow down',
  giveUp: 'Give up',
};

/** A reason as a sentence: the API's begin small, to be put after a colon. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return text === '' || /[.!?]$/.test(text) ? begun : `${begun}.`;
}
