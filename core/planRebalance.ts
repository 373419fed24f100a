import { type Candidate, deviceCauses, type Demand } from './choosePlacement.ts';
import type { Cause } from './cause.ts';
import { formatShare } from './placementWords.ts';

/** A device and how much of its memory is in use. */
export interface LoadedDevice extends Candidate {
  memoryBytes: number;
}

export interface RebalanceUnit {
  id: string;
  name: string;
  source: string;
  demand: Demand;
  /** What it uses: what its device has free once it is gone. Bytes. */
  usedBytes: number;
  /** What forbids to move it. */
  against: readonly Cause[];
}

export interface RebalanceMove {
  unit: RebalanceUnit;
  target: string;
  /** By how much the fullest and the emptiest of the two come closer, 0 to 1 of their memory. */
  gain: number;
  reason: string;
}

export interface RebalancePlan {
  moves: RebalanceMove[];
  /** How full the fullest and the emptiest device are, before and after; 0 to 1. */
  before: Spread;
  after: Spread;
  reason: string;
}

export interface Spread {
  fullest: number;
  emptiest: number;
}

/** A move that brings two devices closer by less than this is not worth its freeze. */
export const LEAST_GAIN = 0.05;

/**
 * Moves that pay: each time the one that brings the fullest device and another one closest together, until none gains
 * `LEAST_GAIN` or `most` are planned. No compute is moved twice.
 */
export function planRebalance(
  devices: readonly LoadedDevice[],
  units: readonly RebalanceUnit[],
  { most, between }: { most: number; between: (source: string, target: string) => readonly Cause[] },
): RebalancePlan {
  const state = new Map(devices.map((device) => [device.id, { ...device }]));
  const before = spreadOf([...state.values()]);
  const left = new Set(units.filter(({ against }) => against.length === 0));
  const moves: RebalanceMove[] = [];
  while (moves.length < most) {
    const best = bestMove([...state.values()], [...left], between);
    if (!best || best.gain < LEAST_GAIN) break;
    left.delete(best.unit);
    moves.push(best);
    apply(state, best);
  }
  const after = spreadOf([...state.values()]);
  return { moves, before, after, reason: reasonOf(moves.length, before, after) };
}

function fullness({ memoryAvailableBytes, memoryBytes }: LoadedDevice): number {
  return memoryBytes > 0 ? 1 - memoryAvailableBytes / memoryBytes : 0;
}

function spreadOf(devices: readonly LoadedDevice[]): Spread {
  const ready = devices.filter(({ state }) => state === 'ready').map(fullness);
  return ready.length === 0
    ? { fullest: 0, emptiest: 0 }
    : { fullest: Math.max(...ready), emptiest: Math.min(...ready) };
}

function bestMove(
  devices: readonly LoadedDevice[],
  units: readonly RebalanceUnit[],
  between: (source: string, target: string) => readonly Cause[],
): RebalanceMove | null {
  const byFullness = devices
    .filter(({ state }) => state === 'ready')
    .toSorted((a, b) => fullness(b) - fullness(a));
  for (const source of byFullness) {
    let best: RebalanceMove | null = null;
    for (const unit of units) {
      if (unit.source !== source.id) continue;
      for (const target of byFullness) {
        if (target.id === source.id) continue;
        const gain = gainOf(source, target, unit);
        if (gain <= (best?.gain ?? 0)) continue;
        if (between(source.id, target.id).length > 0 || deviceCauses(target, unit.demand).length > 0)
          continue;
        best = { unit, target: target.id, gain, reason: words(source, target, unit) };
      }
    }
    if (best && best.gain >= LEAST_GAIN) return best;
  }
  return null;
}

/** By how much the difference of the two gets smaller. */
function gainOf(source: LoadedDevice, target: LoadedDevice, { usedBytes }: RebalanceUnit): number {
  const [from, to] = [fullness(source), fullness(target)];
  const fromAfter = from - usedBytes / source.memoryBytes;
  const toAfter = to + usedBytes / target.memoryBytes;
  return Math.abs(from - to) - Math.abs(fromAfter - toAfter);
}

function words(source: LoadedDevice, target: LoadedDevice, { name, usedBytes }: RebalanceUnit): string {
  const [from, to] = [fullness(source), fullness(target)];
  const after = [from - usedBytes / source.memoryBytes, to + usedBytes / target.memoryBytes].map(formatShare);
  return `${name}: ${source.name} is ${formatShare(from)} full and ${target.name} ${formatShare(to)}; afterwards ${after.join(' and ')}.`;
}

function apply(state: Map<string, LoadedDevice>, { unit, target }: RebalanceMove): void {
  const [from, to] = [state.get(unit.source), state.get(target)];
  if (!from || !to) return;
  from.memoryAvailableBytes += unit.usedBytes;
  to.memoryAvailableBytes -= unit.usedBytes;
  from.apart = (from.apart ?? []).filter((word) => unit.demand.apart?.includes(word) !== true);
  to.apart = [...(to.apart ?? []), ...(unit.demand.apart ?? [])];
}

function reasonOf(moves: number, before: Spread, after: Spread): string {
  const words = ({ fullest, emptiest }: Spread) => `${formatShare(emptiest)} to ${formatShare(fullest)}`;
  if (moves === 0) return `Nothing to gain: devices are ${words(before)} full.`;
  return `Devices are ${words(before)} full, and ${words(after)} after ${String(moves)} ${moves === 1 ? 'move' : 'moves'}.`;
}
