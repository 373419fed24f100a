import { describe, expect, test } from 'vitest';
import { figures, isJudged, spread, toldFigures, verdictOf, type Figure } from './figures.ts';
import { plan, type Turn } from './plan.ts';
import type { Sample } from './sample.ts';
import { bareSample, moveSample } from './testSamples.ts';

function figure(name: string, samples: Sample[], turns: Turn[] = plan([], 1)): Figure {
  const found = [...figures(samples, turns), ...toldFigures(samples, turns)].find((one) => one.name === name);
  if (found === undefined) throw new Error(`no figure ${name}`);
  return found;
}

describe('figures', () => {
  test('have names that do not change, measured or not', () => {
    const made = figures([], []);
    expect(made.map(({ name }) => name)).toEqual([
      'gapIdleOverBare',
      'gap256OverIdle',
      'gap1024OverIdle',
      'gapOverPodman',
      'gapOverDockerCheckpoint',
      'throughputDuringRounds',
      'wireOverMemoryCompressible',
      'wireOverMemoryRandom',
      'totalOverLinkTime',
      'sourceExtraMemoryMb',
      'residentAfterOverBefore',
    ]);
    expect(made.map(verdictOf)).toEqual(made.map(() => 'notTaken'));
    expect(figures([], plan([], 1)).map(verdictOf)).toEqual(made.map(() => 'incomplete'));
  });

  test('of a gap are medians over medians, with what they were made of', () => {
    const gaps = [100, 300, 130].map((gapMs) => moveSample({ gapMs }));
    const made = figure('gapIdleOverBare', [
      ...gaps,
      bareSample([
        [50, 50],
        [60, 60],
        [40, 40],
      ]),
    ]);
    expect(made.value).toBeCloseTo(1.3);
    expect(made.atMost).toBe(1.3);
    expect(made.parts['unshaped']).toEqual({ gapMs: 130, bareMs: 100, value: 1.3 });
    expect(made.samples['unshaped']).toEqual({ gapMs: [100, 300, 130], bareMs: [100, 120, 80] });
  });

  test('are those of the worst of the links on which they have to hold', () => {
    const on = (link: string, gapMs: number) => [
      moveSample({ link, gapMs: 100 }),
      moveSample({ link, workload: '256mb', gapMs }),
    ];
    const made = figure('gap256OverIdle', [
      ...on('unshaped', 110),
      ...on('1gbit', 150),
      ...on('100mbit', 900),
    ]);
    expect(made.value).toBe(1.5);
    expect(Object.keys(made.parts)).toEqual(['unshaped', '1gbit']);
    expect(verdictOf(made)).toBe('notMet');
  });

  test('with a least value take the least', () => {
    const on = (link: string, workDuringRounds: number) =>
      moveSample({ link, workload: 'work', workBefore: 100, workDuringRounds });
    const made = figure('throughputDuringRounds', [on('unshaped', 95), on('1gbit', 91)]);
    expect(made.value).toBe(0.91);
    expect(verdictOf(made)).toBe('met');
  });

  describe('are of moves that succeeded, and count those that failed', () => {
    const unshaped = plan(['unshaped', '256mb'], 1);
    const ours = moveSample({ workload: '256mb', gapMs: 400 });
    const podmans = moveSample({ workload: '256mb', contender: 'podman', gapMs: 4_000 });
    const failed = { workload: '256mb', gapMs: 1, succeeded: false, reason: 'no' };

    test('one of Drayage makes it incomplete, however good the others are', () => {
      const made = figure('gapOverPodman', [moveSample(failed), ours, podmans], unshaped);
      expect(made.value).toBe(0.1);
      expect(made.samples['unshaped']?.['gapMs']).toEqual([400]);
      expect(made.failed).toEqual({ 'unshaped 256mb drayage': 1 });
      expect(verdictOf(made)).toBe('incomplete');
    });

    test("one of a peer's is told, and all of them make it incomplete", () => {
      const lost = moveSample({ ...failed, contender: 'podman' });
      const made = figure('gapOverPodman', [lost, ours, podmans], unshaped);
      expect(made).toMatchObject({ value: 0.1, failed: { 'unshaped 256mb podman': 1 } });
      expect(verdictOf(made)).toBe('met');
      const none = figure('gapOverPodman', [lost, ours], unshaped);
      expect(none).toMatchObject({ value: null, failed: { 'unshaped 256mb podman': 1 } });
      expect(verdictOf(none)).toBe('incomplete');
    });

    test('a link of the plan without a value makes it incomplete, whatever the other says', () => {
      const both = plan(['unshaped', '1gbit', '256mb'], 1);
      const made = figure('gapOverPodman', [ours, podmans, moveSample({ ...failed, link: '1gbit' })], both);
      expect(made.value).toBe(0.1);
      expect(verdictOf(made)).toBe('incomplete');
      expect(verdictOf(figure('gapOverPodman', [ours, podmans], unshaped))).toBe('met');
    });

    test('what needs moves that are not in the plan is not taken, and no failure', () => {
      const alone = plan(['unshaped', '256mb', 'drayage'], 1);
      const made = figure('gapOverPodman', [ours], alone);
      expect(made).toMatchObject({ value: null, planned: [], parts: {} });
      expect(verdictOf(made)).toBe('notTaken');
    });

    test('first moves are in none', () => {
      const first = { first: true, workload: '256mb', gapMs: 9_000 };
      const samples = [moveSample(first), moveSample({ ...first, succeeded: false }), ours, podmans];
      expect(figure('gapOverPodman', samples, unshaped)).toMatchObject({ value: 0.1, failed: {} });
    });

    test('first moves of programs are in those that are told of them, and in no other', () => {
      const moves = (fresh: boolean, [idleMs, gapMs]: [number, number]) => [
        moveSample({ fresh, workload: 'idle', gapMs: idleMs }),
        moveSample({ fresh, workload: '1gb', gapMs }),
      ];
      const samples = [...moves(true, [100, 400]), ...moves(false, [100, 150])];
      const turns = plan(['unshaped', 'idle', '1gb', 'drayage'], 1);
      expect(figure('gap1024OverIdle', samples, turns).value).toBe(1.5);
      expect(figure('gap1024OverIdleFreshProgram', samples, turns).value).toBe(4);
    });

    test('a failed measurement of bare runc is counted too', () => {
      const broken = { ...bareSample([]), reason: 'no' };
      const made = figure('gapIdleOverBare', [moveSample(), broken], plan(['unshaped', 'idle'], 1));
      expect(made).toMatchObject({ value: null, failed: { 'unshaped idle bare': 1 } });
    });
  });

  test('of a plan, what a figure is made of is judged', () => {
    const judged = plan(['unshaped', '100mbit', '1gb', 'redis', 'idle'], 1).filter(isJudged);
    expect(judged.map(({ link, workload, contender }) => `${link} ${workload.name} ${contender}`)).toEqual([
      'unshaped idle drayage',
      'unshaped idle bare',
      'unshaped 1gb drayage',
    ]);
  });

  test("the target's peak is told over the compute's memory", () => {
    const move = moveSample({ workload: 'memory', targetPeak: 1_300, residentBefore: 1_000 });
    const made = figure('targetPeakOverMemory', [move], plan(['unshaped', 'memory'], 1));
    expect(made.value).toBe(1.3);
    expect(verdictOf(made)).toBe('notMet');
  });

  test('of the link time count from the first round to the end of the hand-over', () => {
    const steps = [
      { name: 'preflight', startedAt: 0, ms: 300 },
      { name: 'prepare', startedAt: 300, ms: 700 },
      { name: 'precopy', startedAt: 1_000, ms: 4_000 },
      { name: 'handOver', startedAt: 5_400, ms: 100 },
      { name: 'release', startedAt: 5_600, ms: 250 },
    ];
    const made = figure('totalOverLinkTime', [
      moveSample({ link: '1gbit', workload: 'linkTime', wireBytes: 500_000_000, steps }),
    ]);
    expect(made.value).toBe(1.125);
    expect(made.parts['1gbit']).toEqual({
      sendingMs: 4_500,
      linkMs: 4_000,
      preparationMs: 1_000,
      releaseMs: 250,
      value: 1.125,
    });
  });
});

test('a spread is of something', () => {
  expect(spread([])).toBeNull();
  expect(spread([3, 1, 2, 10])).toEqual({ median: 2.5, min: 1, max: 10 });
});
