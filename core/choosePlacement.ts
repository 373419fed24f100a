import type { Cause } from './cause.ts';
import { constraintCauses, type Constraints } from './constraints.ts';
import type { DeviceState } from './device.ts';
import { formatRate, formatShare } from './placementWords.ts';
import { summarizeCauses } from './summarizeCauses.ts';

/** What is looked at of a device that might take a compute. What is absent is not known, and speaks neither for it nor against. */
export interface Candidate extends Room {
  id: string;
  name: string;
  state: DeviceState;
  /** What else speaks against it. */
  against?: Cause[] | undefined;
  /** As Node has it, e.g. x64. */
  architecture?: string | undefined;
  location?: string | null | undefined;
  labels?: Record<string, string> | undefined;
  /** Share of its processors in use, 0 to 1. */
  cpuLoad?: number | null | undefined;
  /** What computes that are there, or are coming, are kept apart by (`Demand.apart`). */
  apart?: readonly string[] | undefined;
  /** Digests of images that it has. */
  images?: ReadonlySet<string> | undefined;
  /** What the link from the compute's device carries, bytes a second. */
  linkBytesPerSecond?: number | null | undefined;
}

/** What a device has free. */
export interface Room {
  memoryAvailableBytes: number;
  diskAvailableBytes: number;
}

/** What a compute, or those that move as one, need of their device. */
export interface Demand {
  /** Its limit, or what it is taken to need without one. */
  memoryBytes: number;
  /** Of its image and files. */
  diskBytes: number;
  constraints?: Constraints | undefined;
  /** Words, each with its tenant: nothing that has one of them too may be on the same device. */
  apart?: readonly string[] | undefined;
  /** Digests of its images. */
  images?: readonly string[] | undefined;
}

/** Taken for a compute without a memory limit, bytes. */
export const DEFAULT_MEMORY_BYTES = 64 * 2 ** 20;

/** Left to the device itself: its engine and its worker need some, bytes. */
export const RESERVED_MEMORY_BYTES = 64 * 2 ** 20;
export const RESERVED_DISK_BYTES = 128 * 2 ** 20;

const MIB = 2 ** 20;

/** Why a device cannot take a compute; empty when it can. */
export function deviceCauses(device: Candidate, demand: Demand): Cause[] {
  return [...fixedCauses(device, demand), ...roomCauses(device, demand)];
}

/** Why a device could not take it however much room it had. */
export function fixedCauses(device: Candidate, demand: Demand): Cause[] {
  return [
    ...stateCauses(device),
    ...(device.against ?? []),
    ...constraintCauses(device, demand.constraints),
    ...apartCauses(device, demand),
  ];
}

function stateCauses({ name, state }: Candidate): Cause[] {
  if (state === 'ready') return [];
  if (state === 'unreachable') {
    return [
      {
        code: 'deviceUnreachable',
        message: `Device ${name} does not answer.`,
        mend: 'Look at the device and its network, or choose another; `drayage device ls` shows them.',
      },
    ];
  }
  const waits = state === 'pending' || state === 'discovered';
  const leaves = state === 'draining';
  return [
    {
      code: 'deviceNotReady',
      message: `Device ${name} is ${state}.`,
      mend: waits
        ? 'Approve it with `drayage device approve`.'
        : `Choose another device, or ${leaves ? 'cancel its evacuation' : 'uncordon it'}.`,
    },
  ];
}

function apartCauses(device: Candidate, { apart = [] }: Demand): Cause[] {
  const met = apart.find((word) => device.apart?.includes(word));
  if (met === undefined) return [];
  return [
    {
      code: 'keptApart',
      message: `Device ${device.name} has, or is about to get, another compute that is kept apart by "${met.slice(met.indexOf('/') + 1)}".`,
      mend: 'Choose another device, or join one more.',
    },
  ];
}

/** Which room a device lacks for a compute. */
export function roomCauses(device: Candidate, demand: Demand): Cause[] {
  const { memoryBytes, diskBytes } = roomOf(device);
  const causes: Cause[] = [];
  if (memoryBytes < demand.memoryBytes)
    causes.push(shortage('outOfMemory', device.name, 'memory', demand.memoryBytes, memoryBytes));
  if (diskBytes < demand.diskBytes)
    causes.push(shortage('outOfDisk', device.name, 'disk', demand.diskBytes, diskBytes));
  return causes;
}

/** What a device can give to computes. */
export function roomOf({ memoryAvailableBytes, diskAvailableBytes }: Room): {
  memoryBytes: number;
  diskBytes: number;
} {
  return {
    memoryBytes: memoryAvailableBytes - RESERVED_MEMORY_BYTES,
    diskBytes: diskAvailableBytes - RESERVED_DISK_BYTES,
  };
}

/** Whether a device has room for a compute. */
export function hasRoom(device: Room, demand: Demand): boolean {
  const { memoryBytes, diskBytes } = roomOf(device);
  return memoryBytes >= demand.memoryBytes && diskBytes >= demand.diskBytes;
}

function shortage(code: string, name: string, what: string, needed: number, free: number): Cause {
  const mib = (bytes: number) => String(Math.max(0, Math.round(bytes / MIB)));
  return {
    code,
    message: `Device ${name} has ${mib(free)} MiB of ${what} to give, and ${mib(needed)} MiB are needed.`,
    mend: `Choose another device, or free ${what} on it.`,
  };
}

/** `spread`: where the most is free afterwards. `binpack`: where the least is, so that other devices stay empty. */
export const PLACEMENT_STRATEGIES = ['spread', 'binpack'] as const;
export type PlacementStrategy = (typeof PLACEMENT_STRATEGIES)[number];

/** One thing that speaks for a device. */
export interface ScorePart {
  name: 'room' | 'load' | 'image' | 'link';
  /** 0 to 1. */
  value: number;
  weight: number;
  /** A few words for a person. */
  reason: string;
}

export interface Score {
  device: Candidate;
  /** Weighted mean of the parts, 0 to 1. */
  total: number;
  parts: ScorePart[];
}

/** Room decides unless it is about equal: what lacks ends in a refusal, what is slow only takes longer. */
const WEIGHTS: Record<ScorePart['name'], number> = { room: 8, load: 3, image: 2, link: 2 };

/** Scores of devices that can take it, the best first; equal ones by free memory and by name. */
export function scoreDevices(
  devices: readonly Candidate[],
  demand: Demand,
  strategy: PlacementStrategy = 'spread',
): Score[] {
  const left = (device: Candidate) => roomOf(device).memoryBytes - demand.memoryBytes;
  const most = Math.max(1, ...devices.map(left));
  const fastest = Math.max(1, ...devices.map(({ linkBytesPerSecond }) => linkBytesPerSecond ?? 0));
  const part = (name: ScorePart['name'], value: number, reason: string): ScorePart => {
    return { name, value: Math.min(1, Math.max(0, value)), weight: WEIGHTS[name], reason };
  };
  const scored = devices.map((device): Score => {
    const free = left(device) / most;
    const parts = [
      part(
        'room',
        strategy === 'spread' ? free : 1 - free,
        `${String(Math.round(left(device) / MIB))} MiB of memory left after it`,
      ),
    ];
    if (typeof device.cpuLoad === 'number')
      parts.push(part('load', 1 - device.cpuLoad, `processors ${formatShare(device.cpuLoad)} busy`));
    if (device.images && demand.images && demand.images.length > 0) {
      const here = demand.images.filter((digest) => device.images?.has(digest)).length;
      const words = here === demand.images.length ? 'has its image' : 'needs its image first';
      parts.push(part('image', here / demand.images.length, words));
    }
    if (typeof device.linkBytesPerSecond === 'number') {
      const words = `its link carried ${formatRate(device.linkBytesPerSecond)}`;
      parts.push(part('link', device.linkBytesPerSecond / fastest, words));
    }
    const weights = parts.reduce((sum, { weight }) => sum + weight, 0);
    return {
      device,
      parts,
      total: parts.reduce((sum, { value, weight }) => sum + value * weight, 0) / weights,
    };
  });
  return scored.toSorted(
    (a, b) =>
      b.total - a.total ||
      b.device.memoryAvailableBytes - a.device.memoryAvailableBytes ||
      a.device.name.localeCompare(b.device.name),
  );
}

export type PlacementDecision =
  | { action: 'place'; device: Candidate; scores: Score[]; reason: string }
  | { action: 'refuse'; causes: [Cause, ...Cause[]]; reason: string };

/** Chooses, among the devices that can take it, the one with the best score; the same for a new compute and for a move. */
export function choosePlacement(
  devices: readonly Candidate[],
  demand: Demand,
  { without = [], strategy }: { without?: readonly string[]; strategy?: PlacementStrategy | undefined } = {},
): PlacementDecision {
  const looked = devices
    .filter(({ id }) => !without.includes(id))
    .map((device) => ({ device, causes: deviceCauses(device, demand) }));
  const fit = looked.filter(({ causes }) => causes.length === 0).map(({ device }) => device);
  const scores = scoreDevices(fit, demand, strategy);
  const [best] = scores;
  const summary = summarizeCauses(looked);
  if (best) {
    const chosen = `${best.device.name} suits best of ${String(fit.length)} that can take it: ${best.parts.map(({ reason }) => reason).join(', ')}.`;
    return { action: 'place', device: best.device, scores, reason: [chosen, summary].join(' ').trim() };
  }
  const first: Cause = {
    code: 'noDevice',
    message: looked.length === 0 ? 'There is no device for it.' : summary,
    mend: 'Join or approve another device; `drayage device ls` shows them.',
  };
  return {
    action: 'refuse',
    causes: [first, ...looked.flatMap(({ causes }) => causes)],
    reason: first.message,
  };
}
