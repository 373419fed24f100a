import { describe, expect, it } from 'vitest';
import { GAP, LEAST_WIDTH, layoutSpans, textWidth, xOf } from './layout.ts';

const frame = { from: 0, to: 1_000, width: 500 };
const label = ({ name }: { name: string }) => name;
const span = (name: string, from: number, ms: number) => ({ name, from, ms });
const lay = (spans: ReturnType<typeof span>[], within = frame) => layoutSpans(spans, within, label);

describe('a time', () => {
  it.each([
    [frame, 0, 0],
    [frame, 500, 250],
    [{ from: 200, to: 300, width: 100 }, 225, 25],
    [{ from: 200, to: 200, width: 100 }, 200, 0],
  ])('of %o at %f is at %f px', (within, at, x) => {
    expect(xOf(within, at)).toBe(x);
  });
});

describe('a bar', () => {
  it.each([
    ['is to scale', span('a', 100, 400), { x: 50, width: 200 }],
    ['is never too narrow to be seen', span('a', 100, 1), { x: 50, width: LEAST_WIDTH }],
    ['at the end is not cut off', span('a', 1_000, 0), { x: 500 - LEAST_WIDTH, width: LEAST_WIDTH }],
    ['that goes on for longer ends at the edge', span('a', 0, 4_000), { x: 0, width: 500 }],
  ])('%s', (_name, one, expected) => {
    expect(lay([one]).boxes[0]).toMatchObject(expected);
  });
});

describe('a label', () => {
  it.each([
    ['stands in its bar', span('name', 100, 400), 'inside', 50 + GAP],
    ['stands after a bar that is too short', span('name', 100, 20), 'after', 60 + GAP],
    ['stands before one at the end', span('name', 960, 40), 'before', 480 - GAP],
  ])('%s', (_name, one, labelAt, labelX) => {
    expect(lay([one]).boxes[0]).toMatchObject({ labelAt, labelX });
  });
});

describe('lanes', () => {
  it.each([
    ['none for nothing', [], []],
    ['one for what follows one another', [span('a', 0, 400), span('b', 420, 400)], [0, 0]],
    ['two for what overlaps', [span('a', 0, 400), span('b', 200, 400)], [0, 1]],
    [
      'another where a label would touch the next bar',
      [span('long name', 0, 10), span('b', 20, 900)],
      [0, 1],
    ],
    [
      'the first again once there is room',
      [span('a', 0, 400), span('b', 200, 200), span('c', 500, 100)],
      [0, 1, 0],
    ],
  ])('%s', (_name, spans, lanes) => {
    const laid = lay(spans);
    expect(laid.boxes.map(({ lane }) => lane)).toEqual(lanes);
    expect(laid.lanes).toBe(new Set(lanes).size);
  });

  it('have nothing that touches, however narrow the screen', () => {
    const names = ['Plug', 'Freeze', 'Dump', 'Transfer', 'Restore', 'Hand over', 'Unplug'];
    const spans = names.map((name, at) => span(`${name} 12.3 ms`, at * 14, 20));
    for (const width of [200, 300, 700, 1_600]) {
      const { boxes } = lay(spans, { from: 0, to: 104, width });
      const extents = boxes.map(({ lane, x, width: wide, labelAt, labelX, label: text }) => {
        const long = textWidth(text);
        if (labelAt === 'before') return [lane, labelX - long, x + wide] as const;
        return [lane, x, Math.max(x + wide, labelX + long)] as const;
      });
      for (const [at, [lane, left, right]] of extents.entries())
        for (const [other, l, r] of extents.slice(at + 1))
          if (lane === other) expect(right <= l || r <= left, `${String(width)} px`).toBe(true);
    }
  });
});
