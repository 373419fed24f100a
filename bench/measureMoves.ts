import { measureMemory } from '../device/memory/measureMemory.ts';
import type { Lab } from '../lab/state.ts';
import { BackgroundLoad } from './backgroundLoad.ts';
import type { LoadWindow } from './client/report.ts';
import type { Contender, Outcome, Running } from './contenders/contender.ts';
import { findProcesses, keepBound, type Cores } from './cores.ts';
import type { WireCounter } from './link.ts';
import { LoadClient } from './loadClient.ts';
import { watchMemory } from './memoryWatch.ts';
import { memoryFigures, workRates } from './observations.ts';
import type { MoveSample } from './sample.ts';
import type { ContenderName, LinkName, Workload } from './workloads.ts';

/** How long the client talks before a move, milliseconds. */
const BEFORE_MS = 2_000;
/** And after it: the time in which its after-effects are looked for, and what the gap may hide of it. */
const AFTER_MS = 6_000;
/** A peer whose client is not answered this long after its move has lost it for good. */
const REACHED_AGAIN_MS = 120_000;
/** How long it is found out what the connections carry, milliseconds. */
const SATURATE_MS = 1_500;

export interface MoveRequest {
  lab: Lab;
  cores: Cores | null;
  contender: Contender;
  contenderName: ContenderName;
  workload: Workload;
  link: LinkName;
  repeat: number;
  /** The contender's first move. */
  first: boolean;
  wire: WireCounter;
  /** Requests a second; null to take half of what saturates. */
  rate: number | null;
}

/** One of a program's moves: how it is asked for, whether it is its first of two, and from where to where. */
interface Move {
  run: () => Promise<Outcome>;
  fresh: boolean;
  devices: readonly string[];
  direction: 'there' | 'back';
}

/** There, and back where the contender tells a program that has been moved from a fresh one: that move is what counts. */
function movesOf({ move, moveBack }: Running, lab: Lab): Move[] {
  const devices = lab.devices.slice(0, 2);
  const there = { run: move, fresh: moveBack !== undefined, devices, direction: 'there' as const };
  if (moveBack === undefined) return [there];
  return [there, { run: moveBack, fresh: false, devices: devices.toReversed(), direction: 'back' }];
}

/** Starts a workload, loads it, has it moved and removes it. Resolves with what was seen of each move. */
export async function measureMoves(request: MoveRequest): Promise<MoveSample[]> {
  const { lab, cores, contender, workload } = request;
  const stopBinding = cores === null ? async () => {} : keepBound(lab, workload.program, cores.load);
  let running: Running | null = null;
  let client: LoadClient | null = null;
  let beside: BackgroundLoad | null = null;
  const core = cores?.load ?? null;
  try {
    running = await contender.start(workload);
    client = await LoadClient.start(lab, running.ip, workload, core);
    const command = await workload.background?.(running.ip);
    if (command !== undefined) beside = await BackgroundLoad.start(lab, command, core);
    const rate = request.rate ?? Math.round((await client.saturate(SATURATE_MS)) / 2);
    const samples: MoveSample[] = [];
    for (const move of movesOf(running, lab)) {
      const sample = await underLoad({ ...request, rate }, move, client);
      const failure = beside?.failure ?? null;
      if (failure === null && sample.succeeded) samples.push(sample);
      // The move that counts was then not made: this one's failure is its.
      else
        return [
          ...samples,
          { ...sample, ...(failure ? spoiledBy(sample.reason, failure) : {}), fresh: false },
        ];
    }
    return samples;
  } finally {
    await beside?.kill();
    await client?.kill();
    await running?.remove();
    await stopBinding();
  }
}

async function underLoad(
  request: MoveRequest & { rate: number },
  move: Move,
  client: LoadClient,
): Promise<MoveSample> {
  const { lab, workload, rate } = request;
  const { watched, program } = workload;
  await client.setRate(rate);
  if (watched === 'work') await client.beginWork();
  const devices = watched === 'memory' ? move.devices : [];
  const watches = devices.map((device) => watchMemory(lab, device, program));
  const endWatches = () => Promise.all(watches.map((end) => end()));
  const moved = await moveAndWait(request, move, client).catch(async (error: unknown) => {
    await endWatches();
    throw error;
  });
  const [onSource = [], onTarget = []] = await endWatches();
  const { outcome, residentBefore, countedBytes, ...seen } = moved;
  const good = outcome.succeeded && seen.failure === '';
  const work = watched === 'work' && good ? workRates(await client.endWork(), outcome.steps) : null;
  const window = watched === 'resident' && good ? await checkedWhole(seen.window, client) : seen.window;
  const residentAfter = watched === 'resident' && good ? await residentBytes(request) : null;
  const memory = memoryFigures(onSource, onTarget);
  return {
    ...describe(request, outcome, window, seen.failure),
    fresh: move.fresh,
    requestsPerSecond: rate,
    countedBytes,
    residentBefore,
    residentAfter,
    sourceExtra: memory?.sourceExtra ?? null,
    targetPeak: memory?.targetPeak ?? null,
    workBefore: work?.before ?? null,
    workDuringRounds: work?.during ?? null,
  };
}

/** Resolves with what the contender and the client say of the move, and why the client says that it failed, or ''. */
async function moveAndWait(request: MoveRequest, move: Move, client: LoadClient) {
  const { wire } = request;
  await pause(BEFORE_MS);
  const residentBefore = await residentBytes(request);
  await wire.take();
  await client.mark();
  const outcome = await move.run();
  const countedBytes = (await wire.take())[move.direction];
  await pause(AFTER_MS);
  // Of a move that failed nobody may ever answer.
  const seen = outcome.succeeded ? await answered(client) : { window: await client.mark(), failure: '' };
  return { outcome, residentBefore, countedBytes, ...seen };
}

function describe(
  { contenderName, workload, link, repeat, first }: MoveRequest,
  outcome: Outcome,
  window: LoadWindow,
  failure: string,
) {
  const { gapMs, p99AfterMs, p99BeforeMs, wrong, firstWrong, connections, lost } = window;
  const failures = [failure, wrong > 0 ? `${wrong} wrong answers: ${firstWrong}` : ''].filter(Boolean);
  const spoiled = failures.length > 0 ? spoiledBy(outcome.reason, failures.join('; ')) : {};
  return {
    kind: 'move' as const,
    contender: contenderName,
    workload: workload.name,
    link,
    repeat,
    first,
    ...outcome,
    ...spoiled,
    ...{ gapMs, p99AfterMs, p99BeforeMs, wrong, connections, lost },
  };
}

/** A program that is not what it was has not been moved. */
function spoiledBy(reason: string, failure: string) {
  return { succeeded: false, reason: [reason, failure].filter(Boolean).join('; ') };
}

/**
 * The window of the move, once the client is answered again: a peer may have lost its connections, and the gap goes on until
 * they stand again. `failure` says that they never did.
 */
async function answered(client: LoadClient): Promise<{ window: LoadWindow; failure: string }> {
  let window = await client.mark();
  for (let waited = 0; waited < REACHED_AGAIN_MS; waited += AFTER_MS) {
    // A silence that ends before the window does had its answer.
    if (window.gapAt + window.gapMs < Date.now() - AFTER_MS / 2) return { window, failure: '' };
    await pause(AFTER_MS);
    window = merged(window, await client.mark());
  }
  const seconds = Math.round(window.gapMs / 1_000);
  return { window, failure: `The client had no answer for ${seconds} s, which began with the move.` };
}

/** The window, with the pages that are wrong after a look at all of them. */
async function checkedWhole(window: LoadWindow, client: LoadClient): Promise<LoadWindow> {
  const wrongPages = await client.checkAll();
  if (wrongPages === 0) return window;
  return {
    ...window,
    wrong: window.wrong + wrongPages,
    firstWrong: window.firstWrong || `${wrongPages} pages are wrong`,
  };
}

/** Two windows, one after the other, as one. A silence across both is whole in neither: its two parts add up. */
function merged(one: LoadWindow, next: LoadWindow): LoadWindow {
  const goesOn = Math.abs(next.gapAt - one.gapAt) < 1;
  const longer = goesOn || next.gapMs > one.gapMs ? next : one;
  return {
    ...longer,
    wrong: one.wrong + next.wrong,
    firstWrong: one.firstWrong || next.firstWrong,
    lost: Math.max(one.lost, next.lost),
    p99BeforeMs: one.p99BeforeMs,
  };
}

async function residentBytes({ lab, workload }: MoveRequest): Promise<number> {
  const pids = await findProcesses(lab.names.cgroup, workload.program);
  return (await measureMemory(pids)).residentBytes;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
