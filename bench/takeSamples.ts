import { DrayageError } from '../core/cause.ts';
import { measureBare } from '../lab/demo/bare.ts';
import type { Progress } from '../lab/progress.ts';
import type { Lab } from '../lab/state.ts';
import type { Contender } from './contenders/contender.ts';
import { DockerCheckpoint } from './contenders/dockerCheckpoint.ts';
import { Drayage } from './contenders/drayage.ts';
import { Podman } from './contenders/podman.ts';
import type { Cores } from './cores.ts';
import { setLinkSpeed, WireCounter } from './link.ts';
import { measureMoves } from './measureMoves.ts';
import type { Turn } from './plan.ts';
import type { BareSample, MoveSample, Sample } from './sample.ts';
import { LINKS, type ContenderName } from './workloads.ts';

export interface BenchInput {
  lab: Lab;
  /** Null where all may run everywhere. */
  cores: Cores | null;
  turns: readonly Turn[];
  progress: Progress;
  /** Whether each contender makes one move first, which is told apart. @default true */
  warm?: boolean;
  onSample?: (sample: Sample) => void;
  signal?: AbortSignal;
}

type Movers = Record<Exclude<ContenderName, 'bare'>, Contender>;

/** Takes all samples of a plan on a lab that is up, and leaves the lab's devices as they were. */
export async function takeSamples(input: BenchInput): Promise<Sample[]> {
  const { lab, turns, progress, signal } = input;
  const movers: Movers = { drayage: new Drayage(), podman: new Podman(), docker: new DockerCheckpoint() };
  const wire = new WireCounter(lab);
  const used = contendersOf(turns).map((name) => movers[name]);
  const samples: Sample[] = [];
  const rates = new Map<string, number>();
  const take = async (turn: Turn, first: boolean) => {
    signal?.throwIfAborted();
    for (const sample of await takeSample(input, turn, first, movers, wire, rates)) {
      samples.push(sample);
      input.onSample?.(sample);
    }
  };
  const takeAll = async () => {
    await wire.setUp();
    for (const mover of used) await progress.step('setting a contender up', () => mover.setUp(lab));
    let link: string | null = null;
    const first = input.warm === false ? [] : firstTurns(turns);
    for (const turn of [...first, ...turns]) {
      if (link !== turn.link) await setLinkSpeed(lab, LINKS[turn.link]);
      link = turn.link;
      await take(turn, first.includes(turn));
    }
  };
  await doAll([
    takeAll,
    () => setLinkSpeed(lab, lab.settings.linkMbit),
    () => wire.tearDown(),
    ...used.map((mover) => () => mover.tearDown()),
  ]);
  return samples;
}

/** One after the other, each whether or not those before it failed; then the first failure, if any. */
async function doAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** Drayage is always one of them: bare runc is measured on a compute of its. */
function contendersOf(turns: readonly Turn[]): (keyof Movers)[] {
  const names = new Set(turns.map(({ contender }) => (contender === 'bare' ? 'drayage' : contender)));
  return [...names];
}

/** One move of each contender, of the first workload: it reads the contender's programs from the disk. */
function firstTurns(turns: readonly Turn[]): Turn[] {
  const [turn] = turns;
  if (turn === undefined) return [];
  return contendersOf(turns).map((contender) => ({ ...turn, contender, link: 'unshaped', repeat: 0 }));
}

async function takeSample(
  { lab, cores, progress, signal }: BenchInput,
  turn: Turn,
  first: boolean,
  movers: Movers,
  wire: WireCounter,
  rates: Map<string, number>,
): Promise<Sample[]> {
  const { link, repeat, workload, contender } = turn;
  const words = `${link} ${workload.name} ${contender} ${first ? 'first move' : repeat}`;
  const key = `${link} ${workload.name}`;
  try {
    if (contender === 'bare')
      return [await progress.step(words, () => bareSample(lab, turn, movers.drayage))];
    // The rate that the first moves found is not that of warm programs.
    const rate = first ? null : (rates.get(key) ?? null);
    const one = { lab, cores, wire, contender: movers[contender], rate, first };
    const request = { ...one, contenderName: contender, workload, link, repeat };
    const taken = await progress.step(words, () => measureMoves(request));
    for (const { succeeded, reason, requestsPerSecond } of taken) {
      if (!succeeded) progress.say(`${words}: ${reason}`);
      if (!first) rates.set(key, requestsPerSecond);
    }
    return taken;
  } catch (error) {
    // What an end that was asked for has broken is nobody's failure.
    if (!(error instanceof DrayageError) || signal?.aborted === true) throw error;
    progress.say(`${words}: ${error.message}`);
    const { message: reason } = error;
    if (contender !== 'bare') return [failedSample(turn, first, reason)];
    return [{ kind: 'bare', workload: workload.name, link, repeat, reason, turns: [] }];
  }
}

async function bareSample(
  lab: Lab,
  { link, repeat, workload }: Turn,
  drayage: Contender,
): Promise<BareSample> {
  const running = await drayage.start(workload);
  try {
    const [device = ''] = lab.devices;
    const { samples } = await measureBare(lab, device, running.container);
    return { kind: 'bare', workload: workload.name, link, repeat, reason: '', turns: samples };
  } finally {
    await running.remove();
  }
}

/** A turn of which nothing can be said but why. */
function failedSample(
  { link, repeat, workload, contender }: Turn,
  first: boolean,
  reason: string,
): MoveSample {
  return {
    ...{ kind: 'move', contender, workload: workload.name, link, repeat, first, fresh: false },
    ...{ succeeded: false, reason },
    ...{
      gapMs: 0,
      p99AfterMs: null,
      p99BeforeMs: null,
      requestsPerSecond: 0,
      wrong: 0,
      connections: 0,
      lost: 0,
    },
    ...{ steps: [], frozenMs: null, totalMs: 0, wireBytes: null, countedBytes: 0, residentBefore: 0 },
    ...{ residentAfter: null, sourceExtra: null, targetPeak: null, workBefore: null, workDuringRounds: null },
    ...{ tracker: null, restore: null, rounds: 0 },
  };
}
