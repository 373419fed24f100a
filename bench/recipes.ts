import type { BareSample, MoveSample, Sample, Step } from './sample.ts';
import type { ContenderName } from './workloads.ts';

/** Numbers that a figure is made of: of each sample of a contender's moves of some workloads, one or more or none. */
export interface Part {
  name: string;
  by: ContenderName;
  workloads: readonly string[];
  numbers: (sample: Sample) => number[];
}

/** How a figure is made: `value` from the medians of its parts. */
export interface Recipe {
  name: string;
  limit: { atMost: number } | { atLeast: number };
  parts: readonly Part[];
  /** Made of first moves of programs (MoveSample.fresh), not of those that follow them. */
  fresh?: boolean;
  value: (medians: Record<string, number>) => number;
}

const MB = 1_000_000;
const MIB = 2 ** 20;
/** Bytes a second of the link on which linkTime is taken. */
const LINK_BYTES_PER_SECOND = (1_000 * MB) / 8;

const part = (medians: Record<string, number>, name: string) => medians[name] ?? NaN;
const ratio = (above: string, below: string) => (medians: Record<string, number>) =>
  part(medians, above) / part(medians, below);

/** One number of each move, or none where it was not measured. */
function moves(
  name: string,
  by: ContenderName,
  workloads: readonly string[],
  of: (move: MoveSample) => number | null,
): Part {
  const numbers = (sample: Sample) => {
    const number = sample.kind === 'move' ? of(sample) : null;
    return number === null ? [] : [number];
  };
  return { name, by, workloads, numbers };
}

const gap = (name: string, by: ContenderName, workload: string) =>
  moves(name, by, [workload], ({ gapMs }) => gapMs);
const own = (name: string, workloads: readonly string[], of: (move: MoveSample) => number | null) =>
  moves(name, 'drayage', workloads, of);

function bareSums(sample: Sample): number[] {
  return sample.kind === 'bare' ? sumsOf(sample) : [];
}

/** Checkpoint and restore together, of each turn, milliseconds. */
export function sumsOf({ turns }: BareSample): number[] {
  return turns.map(({ checkpointMs, restoreMs }) => checkpointMs + restoreMs);
}

function overIdle(name: string, workload: string, atMost: number): Recipe {
  const parts = [gap('gapMs', 'drayage', workload), gap('idleGapMs', 'drayage', 'idle')];
  return { name, limit: { atMost }, parts, value: ratio('gapMs', 'idleGapMs') };
}

function overPeer(name: string, peer: ContenderName, atMost: number): Recipe {
  const parts = [gap('gapMs', 'drayage', '256mb'), gap('peerGapMs', peer, '256mb')];
  return { name, limit: { atMost }, parts, value: ratio('gapMs', 'peerGapMs') };
}

function overMemory(name: string, workload: string, atMost: number): Recipe {
  const parts = [
    own('wireBytes', [workload], ({ wireBytes }) => wireBytes),
    own('memoryBytes', [workload], ({ residentBefore }) => residentBefore),
  ];
  return { name, limit: { atMost }, parts, value: ratio('wireBytes', 'memoryBytes') };
}

const RESIDENT = ['random', 'compressible'];

/** The figures that have to hold, by their names in the results. */
export const RECIPES: readonly Recipe[] = [
  {
    name: 'gapIdleOverBare',
    limit: { atMost: 1.3 },
    parts: [
      gap('gapMs', 'drayage', 'idle'),
      { name: 'bareMs', by: 'bare', workloads: ['idle'], numbers: bareSums },
    ],
    value: ratio('gapMs', 'bareMs'),
  },
  overIdle('gap256OverIdle', '256mb', 1.4),
  overIdle('gap1024OverIdle', '1gb', 2),
  overPeer('gapOverPodman', 'podman', 0.1),
  overPeer('gapOverDockerCheckpoint', 'docker', 0.2),
  {
    name: 'throughputDuringRounds',
    limit: { atLeast: 0.9 },
    parts: [
      own('during', ['work'], ({ workDuringRounds }) => workDuringRounds),
      own('before', ['work'], ({ workBefore }) => workBefore),
    ],
    value: ratio('during', 'before'),
  },
  overMemory('wireOverMemoryCompressible', 'compressible', 0.5),
  overMemory('wireOverMemoryRandom', 'random', 1.03),
  {
    name: 'totalOverLinkTime',
    limit: { atMost: 1.15 },
    parts: [
      own('sendingMs', ['linkTime'], sendingMs),
      own('linkMs', ['linkTime'], linkMs),
      own('preparationMs', ['linkTime'], ({ steps }) => stepsMs(steps, ['preflight', 'prepare'])),
      own('releaseMs', ['linkTime'], ({ steps }) => stepsMs(steps, ['release'])),
    ],
    value: ratio('sendingMs', 'linkMs'),
  },
  {
    name: 'sourceExtraMemoryMb',
    limit: { atMost: 96 },
    parts: [own('sourceExtraMb', ['memory'], ({ sourceExtra }) => sourceExtra && sourceExtra / MIB)],
    value: (medians) => part(medians, 'sourceExtraMb'),
  },
  {
    name: 'residentAfterOverBefore',
    limit: { atMost: 1.05 },
    parts: [
      own('afterBytes', RESIDENT, ({ residentAfter }) => residentAfter),
      own('beforeBytes', RESIDENT, ({ residentBefore }) => residentBefore),
    ],
    value: ratio('afterBytes', 'beforeBytes'),
  },
];

/** What is told beside them, with a bound of its own. */
export const TOLD: readonly Recipe[] = [
  { ...overIdle('gap256OverIdleFreshProgram', '256mb', 1.4), fresh: true },
  { ...overIdle('gap1024OverIdleFreshProgram', '1gb', 2), fresh: true },
  {
    name: 'targetPeakOverMemory',
    limit: { atMost: 1.2 },
    parts: [
      own('targetPeakBytes', ['memory'], ({ targetPeak }) => targetPeak),
      own('memoryBytes', ['memory'], ({ residentBefore }) => residentBefore),
    ],
    value: ratio('targetPeakBytes', 'memoryBytes'),
  },
];

/** From the first page sent to the commit: the rounds' begin to the end of the hand-over. */
function sendingMs({ steps }: MoveSample): number | null {
  const first = steps.find(({ name }) => name === 'precopy');
  const commit = steps.find(({ name }) => name === 'handOver');
  return first === undefined || commit === undefined ? null : commit.startedAt + commit.ms - first.startedAt;
}

function linkMs({ wireBytes }: MoveSample): number | null {
  return wireBytes && (wireBytes / LINK_BYTES_PER_SECOND) * 1_000;
}

function stepsMs(steps: readonly Step[], names: readonly string[]): number {
  return steps.filter(({ name }) => names.includes(name)).reduce((sum, { ms }) => sum + ms, 0);
}
