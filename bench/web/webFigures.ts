/** What a page did with so many computes. */
export interface Watched {
  computes: number;
  /** Of each action, from the input to the frame that shows it, milliseconds. */
  interactionsMs: readonly number[];
}

/** A page that was left open while events came. */
export interface LeftOpen {
  minutes: number;
  /** After the garbage was collected, bytes. */
  heapBefore: number;
  heapAfter: number;
  /** That the stream brought. */
  events: number;
  /** Frames in which the page changed. */
  changedFrames: number;
  /** Most times that it changed in one frame. */
  mostChangesInAFrame: number;
}

export interface WebFigure {
  name: string;
  value: number;
  atMost: number;
  parts: Record<string, number>;
}

/** As the web vitals have it: one action in fifty may be slower. https://web.dev/articles/inp */
const PERCENTILE = 0.98;
const MB = 1e6;

/** Interaction to next paint: the time within which (nearly) all actions were seen, milliseconds. */
export function interactionToNextPaint({ interactionsMs }: Watched): number {
  const sorted = interactionsMs.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * PERCENTILE) - 1)] ?? 0;
}

/** The figures that the dashboard is held to. */
export function webFigures(few: Watched, many: Watched, open: LeftOpen): WebFigure[] {
  const [little, much] = [interactionToNextPaint(few), interactionToNextPaint(many)];
  return [
    {
      ...{ name: 'interactionManyOverFew', value: much / little, atMost: 1.5 },
      parts: { [`ms at ${String(few.computes)}`]: little, [`ms at ${String(many.computes)}`]: much },
    },
    {
      ...{ name: 'heapGrowthMb', value: (open.heapAfter - open.heapBefore) / MB, atMost: 10 },
      parts: {
        before: open.heapBefore / MB,
        after: open.heapAfter / MB,
        minutes: open.minutes,
        events: open.events,
      },
    },
    {
      ...{ name: 'changesPerFrame', value: open.mostChangesInAFrame, atMost: 1 },
      parts: { changedFrames: open.changedFrames, events: open.events },
    },
  ];
}

export function isMet({ value, atMost }: WebFigure): boolean {
  return value <= atMost;
}
