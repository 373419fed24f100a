import { describe, expect, it } from 'vitest';
import { GapMeter } from './gapMeter.ts';

describe('the longest silence', () => {
  const cases: { name: string; answers: number[]; end: number; gap: { ms: number; at: number } }[] = [
    { name: 'lies between two answers', answers: [5, 10, 110, 115], end: 116, gap: { ms: 100, at: 10 } },
    { name: 'is the first of two that are equal', answers: [10, 20, 30], end: 31, gap: { ms: 10, at: 0 } },
    { name: 'is the one that is still going on', answers: [5, 10], end: 90, gap: { ms: 80, at: 10 } },
    { name: 'begins with the meter when nothing was answered', answers: [], end: 40, gap: { ms: 40, at: 0 } },
  ];
  it.each(cases)('$name', ({ answers, end, gap }) => {
    const meter = new GapMeter(0);
    for (const at of answers) meter.answered(at);
    expect(meter.closeWindow(end)).toEqual(gap);
  });

  it('is counted from the last answer on, in whichever window that was', () => {
    const meter = new GapMeter(0);
    meter.answered(10);
    expect(meter.closeWindow(30)).toEqual({ ms: 20, at: 10 });
    meter.answered(60);
    expect(meter.closeWindow(61)).toEqual({ ms: 50, at: 10 });
  });

  it('of one window says nothing of the next', () => {
    const meter = new GapMeter(0);
    meter.answered(500);
    meter.closeWindow(501);
    meter.answered(505);
    expect(meter.closeWindow(506)).toEqual({ ms: 5, at: 500 });
  });
});
