import { median } from '../lab/demo/figures.ts';
import type { BareSample, MoveSample, Sample } from './sample.ts';

/** A figure as CONTRACT has it. `value` is the worst of the links on which it was taken; null when it was not. */
export interface Figure {
  name: string;
  value: number | null;
  atMost?: number;
  atLeast?: number;
  /** What it was made of, by link. */
  parts: Record<string, Record<string, number>>;
  /** The numbers behind the parts, by link. */
  samples: Record<string, Record<string, number[]>>;
}

/** Median, least and most of some numbers. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Null of none. */
export function spread(numbers: readonly number[]): Spread | null {
  if (numbers.length === 0) return null;
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}

/** The links on which figures have to hold. */
const JUDGED_LINKS = ['unshaped', '1gbit'];
const MB = 1_000_000;
const MIB = 2 ** 20;
/** Bytes a second of the link on which linkTime is taken. */
const LINK_BYTES_PER_SECOND = (1_000 * MB) / 8;

/** Lists of numbers by name; the value is made of their medians. */
type Parts = Record<string, number[]>;

interface Recipe {
  name: string;
  limit: { atMost: number } | { atLeast: number };
  parts: (samples: LinkSamples) => Parts;
  value: (medians: Record<string, number>) => number;
}

/** The samples of one link. */
interface LinkSamples {
  moves(contender: string, workload: string): MoveSample[];
  bare(workload: string): BareSample[];
}

const gaps = (moves: readonly MoveSample[]) => moves.map(({ gapMs }) => gapMs);
const present = (values: readonly (number | null)[]) => values.filter((value) => value !== null);
const part = (medians: Record<string, number>, name: string) => medians[name] ?? NaN;
const ratio = (above: string, below: string) => (medians: Record<string, number>) =>
  part(medians, above) / part(medians, below);

function wireRecipe(name: string, workload: string, atMost: number): Recipe {
  return {
    name,
    limit: { atMost },
    parts: (samples) => {
      const moves = samples.moves('drayage', workload);
      return {
        wireBytes: present(moves.map(({ wireBytes }) => wireBytes)),
        memoryBytes: moves.map((one) => one.residentBefore),
      };
    },
    value: ratio('wireBytes', 'memoryBytes'),
  };
}

function overIdleRecipe(name: string, workload: string, atMost: number): Recipe {
  return {
    name,
    limit: { atMost },
    parts: (samples) => ({
      gapMs: gaps(samples.moves('drayage', workload)),
      idleGapMs: gaps(samples.moves('drayage', 'idle')),
    }),
    value: ratio('gapMs', 'idleGapMs'),
  };
}

function overPeerRecipe(name: string, peer: string, atMost: number): Recipe {
  return {
    name,
    limit: { atMost },
    parts: (samples) => ({
      gapMs: gaps(samples.moves('drayage', '256mb')),
      peerGapMs: gaps(samples.moves(peer, '256mb')),
    }),
    value: ratio('gapMs', 'peerGapMs'),
  };
}

/** Issue 4's table. */
const RECIPES: readonly Recipe[] = [
  {
    name: 'gapIdleOverBare',
    limit: { atMost: 1.3 },
    parts: (samples) => {
      const turns = samples.bare('idle').flatMap((sample) => sample.turns);
      return {
        gapMs: gaps(samples.moves('drayage', 'idle')),
        bareMs: turns.map(({ checkpointMs, restoreMs }) => checkpointMs + restoreMs),
      };
    },
    value: ratio('gapMs', 'bareMs'),
  },
  overIdleRecipe('gap256OverIdle', '256mb', 1.4),
  overIdleRecipe('gap1024OverIdle', '1gb', 2),
  overPeerRecipe('gapOverPodman', 'podman', 0.1),
  overPeerRecipe('gapOverDockerCheckpoint', 'docker', 0.2),
  {
    name: 'throughputDuringRounds',
    limit: { atLeast: 0.9 },
    parts: (samples) => {
      const moves = samples.moves('drayage', 'work');
      return {
        during: present(moves.map(({ workDuringRounds }) => workDuringRounds)),
        before: present(moves.map(({ workBefore }) => workBefore)),
      };
    },
    value: ratio('during', 'before'),
  },
  wireRecipe('wireOverMemoryCompressible', 'compressible', 0.5),
  wireRecipe('wireOverMemoryRandom', 'random', 1.03),
  {
    name: 'totalOverLinkTime',
    limit: { atMost: 1.15 },
    parts: (samples) => {
      const moves = samples.moves('drayage', 'linkTime');
      return {
        sendingMs: present(moves.map(sendingMs)),
        linkMs: present(
          moves.map(({ wireBytes }) => wireBytes && (wireBytes / LINK_BYTES_PER_SECOND) * 1_000),
        ),
        preparationMs: moves.map((move) => stepsMs(move, ['preflight', 'prepare'])),
        releaseMs: moves.map((move) => stepsMs(move, ['release'])),
      };
    },
    value: ratio('sendingMs', 'linkMs'),
  },
  {
    name: 'sourceExtraMemoryMb',
    limit: { atMost: 96 },
    parts: (samples) => {
      const moves = samples.moves('drayage', 'memory');
      return {
        sourceExtraMb: present(moves.map(({ sourceExtra }) => sourceExtra && sourceExtra / MIB)),
        targetPeakOverMemory: present(
          moves.map(({ targetPeak, residentBefore }) => targetPeak && targetPeak / residentBefore),
        ),
      };
    },
    value: (medians) => part(medians, 'sourceExtraMb'),
  },
  {
    name: 'residentAfterOverBefore',
    limit: { atMost: 1.05 },
    parts: (samples) => {
      const moves = [...samples.moves('drayage', 'random'), ...samples.moves('drayage', 'compressible')];
      return {
        afterBytes: present(moves.map(({ residentAfter }) => residentAfter)),
        beforeBytes: moves.map(({ residentBefore }) => residentBefore),
      };
    },
    value: ratio('afterBytes', 'beforeBytes'),
  },
];

/** From the first page sent to the commit: the rounds' begin to the end of the hand-over. */
function sendingMs({ steps }: MoveSample): number | null {
  const first = steps.find(({ name }) => name === 'precopy');
  const commit = steps.find(({ name }) => name === 'handOver');
  return first === undefined || commit === undefined ? null : commit.startedAt + commit.ms - first.startedAt;
}

function stepsMs({ steps }: MoveSample, names: readonly string[]): number {
  return steps.filter(({ name }) => names.includes(name)).reduce((sum, { ms }) => sum + ms, 0);
}

/** Makes the figures of issue 4 from what was seen. Of moves only those that succeeded count. */
export function figures(samples: readonly Sample[]): Figure[] {
  return RECIPES.map((recipe) => {
    const figure: Figure = { name: recipe.name, value: null, ...recipe.limit, parts: {}, samples: {} };
    for (const link of JUDGED_LINKS) addLink(figure, recipe, link, ofLink(samples, link));
    return figure;
  });
}

function addLink(figure: Figure, recipe: Recipe, link: string, samples: LinkSamples): void {
  const lists = recipe.parts(samples);
  const medians = Object.fromEntries(
    Object.entries(lists).flatMap(([name, numbers]) => (numbers.length > 0 ? [[name, median(numbers)]] : [])),
  );
  if (Object.keys(medians).length === 0) return;
  const value = recipe.value(medians);
  figure.samples[link] = lists;
  figure.parts[link] = { ...medians, ...(Number.isFinite(value) ? { value } : {}) };
  if (Number.isFinite(value) && isWorse(figure, value)) figure.value = value;
}

function isWorse({ value, atLeast }: Figure, other: number): boolean {
  if (value === null) return true;
  return atLeast === undefined ? other > value : other < value;
}

function ofLink(samples: readonly Sample[], link: string): LinkSamples {
  return {
    moves: (contender, workload) =>
      samples.filter(
        (one): one is MoveSample =>
          one.kind === 'move' &&
          one.succeeded &&
          one.link === link &&
          one.contender === contender &&
          one.workload === workload,
      ),
    bare: (workload) =>
      samples.filter(
        (one): one is BareSample => one.kind === 'bare' && one.link === link && one.workload === workload,
      ),
  };
}

/** Whether a figure is what it has to be; null when it was not taken. */
export function holds({ value, atMost, atLeast }: Figure): boolean | null {
  if (value === null) return null;
  return value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity);
}
