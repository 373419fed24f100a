import { describe, expect, it } from 'vitest';
import type { Migration, Phase } from '../../core/migration.ts';
import { demoFigures } from './figures.ts';
import { formatMs } from './formatMs.ts';
import { coloured, plain } from './paint.ts';
import { barOf, phaseBars } from './phaseBars.ts';
import { failureLines, moveLine, summaryLines } from './summaryText.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const phase = (name: Phase['name'], from: number, ms: number): Phase => ({
  name,
  startedAt: new Date(START + from).toISOString(),
  ms,
});

describe('times', () => {
  it.each([
    [0.04, '0.0 ms'],
    [9.96, '10.0 ms'],
    [97.14, '97.1 ms'],
    [99.96, '100 ms'],
    [131.7, '132 ms'],
    [2_449, '2.4 s'],
    [123_456, '123 s'],
  ])('%f is %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });
});

describe('a bar', () => {
  it.each([
    { from: 0, length: 4, left: 0, bar: '████' },
    { from: 2.9, length: 1.5, left: 2, bar: '█▌' },
    { from: 0, length: 0.5, left: 0, bar: '▌' },
    { from: 3, length: 0, left: 3, bar: '▏' },
    { from: 8, length: 99, left: 8, bar: '██' },
    { from: 10, length: 0, left: 9, bar: '▏' },
  ])('from $from, $length long', ({ from, length, left, bar }) => {
    expect(barOf(from, length, 10)).toEqual({ left, bar });
  });
});

describe('the bars of a move', () => {
  const phases = [
    phase('prepare', -900, 800),
    phase('dump', 10, 50),
    phase('freeze', 0, 10),
    phase('restore', 60, 40),
    phase('release', 200, 300),
  ];

  it('stand on one axis of time, in the order of their begin', () => {
    expect(phaseBars(phases, 43, plain)).toEqual([
      '  freeze      10.0 ms  ██',
      '  dump        50.0 ms    ██████████',
      '  restore     40.0 ms              ████████',
      '  around it: prepare 800 ms, release 300 ms',
    ]);
  });

  it.each([40, 80, 120])('keep to %d columns', (width) => {
    const many = [
      ...phases,
      phase('arm', -90, 90),
      phase('preflight', -1_000, 12),
      phase('handOver', 99.9, 0.1),
    ];
    for (const line of phaseBars(many, width, plain)) expect(line.length).toBeLessThanOrEqual(width);
  });

  it('are none when there is no phase', () => {
    expect(phaseBars([], 80, plain)).toEqual([]);
  });

  it('have colours when asked to', () => {
    expect(phaseBars(phases, 80, coloured)[0]).toContain('\u001b[33m');
  });
});

const MIGRATION: Migration = {
  ...{
    id: 'mig',
    compute: { id: 'c', name: 'sample' },
    source: { id: '1', name: 'd1' },
    target: { id: '2', name: 'd2' },
  },
  ...{ state: 'succeeded', reason: 'Moved.', causes: [], epoch: 2, tracker: null, rounds: [], phases: [] },
  ...{ trackerReason: null, restore: null, dryRun: false, predicted: null, progress: null, throttle: null },
  ...{ frozenMs: 90, wireBytes: 2_097_152, totalMs: 2_000, workflowId: '', runId: '' },
};

describe('the line of a move', () => {
  it('says where to, what the client saw, and what it took', () => {
    expect(moveLine(3, 10, MIGRATION, 97.1, plain)).toBe(
      'move  3/10  d1 → d2  client waited 97.1 ms  frozen 90.0 ms  2 MiB  in 2.0 s',
    );
    expect(failureLines(MIGRATION)).toEqual([]);
  });

  it('says so when it did not succeed, and why', () => {
    const cause = { code: 'x', message: 'The target fell silent.', mend: 'Look at it.' };
    const failed: Migration = {
      ...MIGRATION,
      state: 'rolledBack',
      reason: 'Rolled back.',
      causes: [cause, cause],
      frozenMs: null,
    };
    expect(moveLine(1, 1, failed, 10, plain)).toContain('rolledBack');
    expect(failureLines(failed)).toEqual(['  Rolled back.', '  The target fell silent. Look at it.']);
  });
});

describe('the summary', () => {
  it('has every figure', () => {
    const client = { type: 'end' as const, requests: 500, errors: 0, connections: { opened: 5, kept: 5 } };
    const totals = { ...client, acknowledged: 400, counter: 400, fileCounter: 400 };
    const figures = demoFigures(1, [{ migration: MIGRATION, gapMs: 97.1 }], totals, 100);
    const bare = { bareMs: 100, checkpointMs: 60, restoreMs: 40, samples: [] };
    expect(summaryLines(figures, bare, plain)).toEqual([
      'moves        1 of 1 succeeded',
      'connections  5 of 5 kept',
      'answers      500 checked, none wrong',
      'client gap   median 97.1 ms, longest 97.1 ms',
      'frozen       median 90.0 ms, longest 90.0 ms',
      'bare runc    median 100 ms (checkpoint 60.0 ms, restore 40.0 ms)',
      'gap / bare   0.97',
    ]);
  });

  it('leaves out what was not measured', () => {
    expect(summaryLines(demoFigures(1, [], null, null), null, plain).join('\n')).not.toMatch(/bare|NaN|null/);
  });
});
