import { describe, expect, it } from 'vitest';
import { phaseLines } from './timeline.ts';

describe('phaseLines', () => {
  it('draws each phase where it was on one time axis', () => {
    const at = (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
    expect(
      phaseLines(
        [
          { name: 'freeze', startedAt: at(0), ms: 25 },
          { name: 'dump', startedAt: at(25), ms: 50 },
          { name: 'restore', startedAt: at(75), ms: 25 },
        ],
        8,
      ),
    ).toEqual(['  freeze     25.0 ms  ██', '  dump       50.0 ms    ████', '  restore    25.0 ms        ██']);
  });
  it('gives even the shortest phase a mark, and nothing for nothing', () => {
    expect(phaseLines([{ name: 'plug', startedAt: '2026-01-01T00:00:00.000Z', ms: 0 }], 4)).toEqual([
      '  plug     0.0 ms  █',
    ]);
    expect(phaseLines([])).toEqual([]);
  });
});
