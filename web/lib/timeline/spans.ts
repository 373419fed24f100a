import { FINAL_MIGRATION_STATES, type MigrationState, type Phase } from '../../../core/migration.ts';
import { isHot, type StepName } from './phases.ts';

/** Something that takes time; times are milliseconds since the move was asked for. */
export interface Span {
  name: StepName;
  from: number;
  ms: number;
  /** It has not ended: its length is that until now. */
  running: boolean;
}

export interface MoveFacts {
  state: MigrationState;
  phases: readonly Phase[];
  /** RFC 3339 */
  createdAt: string;
  endedAt: string | null;
}

/** What happened in it, oldest first. */
export interface MoveEvent {
  at: string;
  type: string;
}

/** When a move begins: when it was asked for, or with its first phase where the clocks differ. */
export function originOf({ createdAt, phases }: Pick<MoveFacts, 'createdAt' | 'phases'>): number {
  return Math.min(Date.parse(createdAt), ...phases.map(({ startedAt }) => Date.parse(startedAt)));
}

/** The whole move in order, its hot window as one, and last what is being done now. */
export function moveSpans(move: MoveFacts, events: readonly MoveEvent[], now: number): Span[] {
  const origin = originOf(move);
  const ended = move.phases.map((phase) => spanOf(phase, origin));
  const hot = ended.filter(({ name }) => isHot(name));
  const spans = ended.filter(({ name }) => !isHot(name));
  if (hot.length > 0) {
    const [from, to] = extentOf(hot);
    spans.push({ name: 'switch', from, ms: to - from, running: false });
  }
  const running = runningSpan(move, spans, events, now - origin, origin);
  if (running) spans.push(running);
  return spans.sort(inOrder);
}

/** The phases of the hot window, in order; none before it is over. */
export function hotSpans({ phases, createdAt }: Pick<MoveFacts, 'phases' | 'createdAt'>): Span[] {
  const origin = originOf({ phases, createdAt });
  return phases
    .map((phase) => spanOf(phase, origin))
    .filter(({ name }) => isHot(name))
    .sort(inOrder);
}

/** Where the first begins and the last ends; 0 and 0 of none. */
export function extentOf(spans: readonly Pick<Span, 'from' | 'ms'>[]): [from: number, to: number] {
  if (spans.length === 0) return [0, 0];
  return [Math.min(...spans.map(({ from }) => from)), Math.max(...spans.map(({ from, ms }) => from + ms))];
}

const RUNNING: Partial<Record<MigrationState, StepName>> = {
  preflight: 'preflight',
  preparing: 'prepare',
  precopying: 'precopy',
  switching: 'switch',
};

/** Phases are on record once they have ended: what is being done now is said by the state. */
function runningSpan(
  { state }: MoveFacts,
  ended: readonly Span[],
  events: readonly MoveEvent[],
  now: number,
  origin: number,
): Span | null {
  if (FINAL_MIGRATION_STATES.includes(state)) return null;
  const has = (name: StepName) => ended.some((span) => span.name === name);
  const name = state === 'releasing' ? (has('filling') ? 'release' : 'filling') : RUNNING[state];
  if (name === undefined || has(name)) return null;
  const entered = events.find(({ type }) => type === `migration.${state}`);
  const from =
    entered && name !== 'release'
      ? Date.parse(entered.at) - origin
      : Math.max(0, ...ended.map((span) => span.from + span.ms));
  // Clocks differ: nothing has lasted for less than no time.
  return { name, from, ms: Math.max(0, now - from), running: true };
}

function spanOf({ name, startedAt, ms }: Phase, origin: number): Span {
  return { name, from: Date.parse(startedAt) - origin, ms, running: false };
}

function inOrder(one: Span, other: Span): number {
  return one.from - other.from || other.ms - one.ms;
}
