import type { BareSample, MoveSample } from './sample.ts';

/** A move for tests: Drayage's, of idle, unshaped, that went well, but for what is given. */
export function moveSample(different: Partial<MoveSample> = {}): MoveSample {
  return {
    kind: 'move',
    contender: 'drayage',
    workload: 'idle',
    link: 'unshaped',
    repeat: 1,
    first: false,
    fresh: false,
    succeeded: true,
    reason: '',
    gapMs: 200,
    p99AfterMs: 2,
    p99BeforeMs: 1,
    requestsPerSecond: 5_000,
    wrong: 0,
    connections: 16,
    lost: 0,
    steps: [],
    frozenMs: 180,
    totalMs: 3_000,
    wireBytes: 2_000_000,
    countedBytes: 2_100_000,
    residentBefore: 2_000_000,
    residentAfter: null,
    sourceExtra: null,
    targetPeak: null,
    workBefore: null,
    workDuringRounds: null,
    tracker: 'content',
    restore: 'lazy',
    rounds: 1,
    ...different,
  };
}

/** Turns of bare runc, each given as checkpoint and restore in milliseconds. */
export function bareSample(turns: [number, number][], link = 'unshaped'): BareSample {
  const timed = turns.map(([checkpointMs, restoreMs]) => ({ checkpointMs, restoreMs }));
  return { kind: 'bare', workload: 'idle', link, repeat: 1, reason: '', turns: timed };
}
