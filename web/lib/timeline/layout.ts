import type { Span } from './spans.ts';

export interface Frame {
  /** The times at the left and the right edge, milliseconds. */
  from: number;
  to: number;
  /** Pixels. */
  width: number;
}

export interface Box<S> {
  span: S;
  lane: number;
  x: number;
  width: number;
  label: string;
  /** Where the label stands: in the bar, or beside it where it is too short. */
  labelAt: 'inside' | 'after' | 'before';
  labelX: number;
}

/** What is shorter could not be seen, or hit, pixels. */
export const LEAST_WIDTH = 3;
/** Between a bar and its label, and between what stands in the same lane. */
export const GAP = 6;
/** Of the labels' font, on the wide side: a label that is thought too wide costs a lane, one that is not collides. */
const CHARACTER = 6.7;

/** Pixels from the left edge at which a time stands; all of it at 0 where there is no time between the edges. */
export function xOf({ from, to, width }: Frame, at: number): number {
  return to > from ? ((at - from) / (to - from)) * width : 0;
}

/** About how wide a text is, pixels. */
export function textWidth(text: string): number {
  return text.length * CHARACTER;
}

/**
 * Bars to scale, with their labels, in as few lanes as it takes for none of them to touch another. A bar is in the first lane
 * in which there is room for it and its label; those that overlap in time are therefore in different ones.
 */
export function layoutSpans<S extends Pick<Span, 'from' | 'ms'>>(
  spans: readonly S[],
  frame: Frame,
  labelOf: (span: S) => string,
): { boxes: Box<S>[]; lanes: number } {
  const taken: [left: number, right: number][][] = [];
  const boxes = spans.map((span) => {
    const placed = placeLabel(barOf(span, frame), labelOf(span), frame.width);
    const [left, right] = placed.extent;
    const free = taken.findIndex((lane) => lane.every(([l, r]) => right + GAP <= l || r + GAP <= left));
    const lane = free === -1 ? taken.length : free;
    (taken[lane] ??= []).push([left, right]);
    return { ...placed.box, span, lane };
  });
  return { boxes, lanes: taken.length };
}

interface Bar {
  x: number;
  width: number;
}

/** To scale, but never too narrow to be seen nor beyond the edge. */
function barOf({ from, ms }: Pick<Span, 'from' | 'ms'>, frame: Frame): Bar {
  const width = Math.min(frame.width, Math.max(LEAST_WIDTH, xOf(frame, from + ms) - xOf(frame, from)));
  const x = Math.max(0, Math.min(xOf(frame, from), frame.width - width));
  return { x, width };
}

function placeLabel({ x, width }: Bar, label: string, frameWidth: number) {
  const wide = textWidth(label);
  const right = x + width;
  if (wide + 2 * GAP <= width) {
    const box = { x, width, label, labelAt: 'inside' as const, labelX: x + GAP };
    return { box, extent: [x, right] as const };
  }
  if (right + GAP + wide <= frameWidth) {
    const box = { x, width, label, labelAt: 'after' as const, labelX: right + GAP };
    return { box, extent: [x, right + GAP + wide] as const };
  }
  const box = { x, width, label, labelAt: 'before' as const, labelX: x - GAP };
  return { box, extent: [x - GAP - wide, right] as const };
}
