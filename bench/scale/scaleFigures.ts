import { quantile } from '../client/latencies.ts';
import type { Step, Watched } from './step.ts';

export interface ScaleFigure {
  name: string;
  value: number;
  atMost?: number;
  atLeast?: number;
  parts: Record<string, number>;
}

/** A device sends a sign of life every two seconds, and waits for its answer between. */
const HEARTBEATS_PER_DEVICE_SECOND = 0.5;
/** Of those that are due, at least so many have to come: else cost that seems to shrink is work that was not done. */
const HEARTBEATS_KEPT = 0.9;
/** What the moves made in a minute with all devices are of those with a tenth, at least. */
const RATE_KEPT = 0.8;
/** Ten times the devices may cost twelve times as much: linear is 1. */
const LINEAR = 1.2;
const MB = 1e6;

/** A part's use for 100 devices: of a processor in percent, and of memory in bytes. */
export function per100(devices: number, watched: Watched, part: string) {
  const { cpuSeconds, memoryBytes } = watched.parts[part] ?? { cpuSeconds: 0, memoryBytes: 0 };
  return {
    cpuPercent: ((cpuSeconds / watched.seconds) * 100 * 100) / devices,
    memoryBytes: (memoryBytes * 100) / devices,
  };
}

export function movesPerMinute({ moving: { moves } }: Step): number {
  return moves.seconds === 0 ? 0 : (moves.succeeded * 60) / moves.seconds;
}

/** What a step costs, by name: none of it may grow faster than the devices do. */
export function costsOf({ idle, moving }: Step): Record<string, number> {
  const { moves } = moving;
  const costs: Record<string, number> = {};
  for (const [name, { cpuSeconds, memoryBytes }] of Object.entries(idle.parts)) {
    costs[`${name} idle, % of a core`] = (cpuSeconds / idle.seconds) * 100;
    costs[`${name} idle, MB`] = memoryBytes / MB;
  }
  for (const [name, { cpuSeconds }] of Object.entries(moving.parts))
    costs[`${name}, ms of a core for a move`] = (cpuSeconds * 1000) / moves.asked;
  costs['read idle p50, ms'] = quantile(idle.readsMs, 0.5) ?? 0;
  costs['read idle p99, ms'] = quantile(idle.readsMs, 0.99) ?? 0;
  costs['read in moves p50, ms'] = quantile(moving.readsMs, 0.5) ?? 0;
  costs['read in moves p99, ms'] = quantile(moving.readsMs, 0.99) ?? 0;
  costs['start to first phase p50, ms'] = quantile(moves.startMs, 0.5) ?? 0;
  costs['start to first phase p99, ms'] = quantile(moves.startMs, 0.99) ?? 0;
  costs['PostgreSQL for a move, KB'] = moving.grown.postgres / moves.asked / 1000;
  costs['Temporal for a move, KB'] = moving.grown.temporal / moves.asked / 1000;
  return costs;
}

/** By how much each cost grows from the first step to the last, of what the devices do: 1 is linear. */
function growthOf(first: Step, last: Step): Record<string, number> {
  const [before, after] = [costsOf(first), costsOf(last)];
  const grown = last.devices / first.devices;
  return Object.fromEntries(
    // What has cost nothing cannot have grown by a factor.
    Object.entries(after).flatMap(([name, value]) => {
      const from = before[name] ?? 0;
      return from > 0 ? [[name, value / from / grown]] : [];
    }),
  );
}

/** What the control plane is held to. `steps` by number of devices, at least two. */
export function scaleFigures(steps: readonly Step[]): ScaleFigure[] {
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last) return [];
  const byDevices = (of: (step: Step) => number) =>
    Object.fromEntries(steps.map((step) => [step.devices, of(step)]));
  const least = (name: string, atLeast: number, parts: Record<string, number>): ScaleFigure => ({
    ...{ name, atLeast, parts },
    value: Math.min(...Object.values(parts)),
  });
  const due = ({ devices, idle }: Step) => devices * idle.seconds * HEARTBEATS_PER_DEVICE_SECOND;
  const growth = growthOf(first, last);
  const { emptying } = last;
  const drained = emptying ? emptying.evacuations.drained / emptying.evacuations.asked : 1;
  return [
    least(
      'movesFinished',
      1,
      byDevices(({ moving: { moves } }) => moves.succeeded / moves.asked),
    ),
    {
      ...{ name: 'movesPerMinuteKept', atLeast: RATE_KEPT, parts: byDevices(movesPerMinute) },
      value: movesPerMinute(last) / movesPerMinute(first),
    },
    {
      ...{ name: 'costOverDevices', atMost: LINEAR, parts: growth },
      value: Math.max(0, ...Object.values(growth)),
    },
    least('evacuationsDrained', 1, { [last.devices]: drained }),
    least(
      'heartbeatsOverDue',
      HEARTBEATS_KEPT,
      byDevices((step) => step.idle.heartbeats / due(step)),
    ),
    least(
      'devicesReady',
      1,
      byDevices((step) => step.ready / step.devices),
    ),
  ];
}

export function isMet({ value, atMost = Infinity, atLeast = -Infinity }: ScaleFigure): boolean {
  return value <= atMost && value >= atLeast;
}
