import type { CDPSession, Page } from 'playwright-core';

/** What the page itself notes, from its first script on. */
interface Notes {
  /** Of each interaction, the longest of its events, milliseconds. */
  interactions: Record<number, number>;
  changedFrames: number;
  mostChangesInAFrame: number;
}

/** An interaction that was quicker is not told of by the browser. https://www.w3.org/TR/event-timing/ */
const QUICKEST_MS = 16;

/** What runs in the page is text: its types are not those of this program. */
const NOTE = `
  const notes = globalThis.drayageNotes = { interactions: {}, changedFrames: 0, mostChangesInAFrame: 0 };
  new PerformanceObserver((list) => {
    for (const { interactionId, duration } of list.getEntries()) {
      if (interactionId === 0) continue;
      notes.interactions[interactionId] = Math.max(notes.interactions[interactionId] ?? 0, duration);
    }
  }).observe({ type: 'event', durationThreshold: ${String(QUICKEST_MS)}, buffered: true });
  let changes = 0;
  new MutationObserver(() => {
    if (changes === 0)
      requestAnimationFrame(() => {
        notes.changedFrames += 1;
        notes.mostChangesInAFrame = Math.max(notes.mostChangesInAFrame, changes);
        changes = 0;
      });
    changes += 1;
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });`;
const FORGET = 'Object.assign(drayageNotes, { interactions: {}, changedFrames: 0, mostChangesInAFrame: 0 })';
const PAINTED = `new Promise((resolve) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))`;

/** To be called before the page is opened. */
export async function noteWhatHappens(page: Page): Promise<void> {
  await page.addInitScript({ content: NOTE });
}

/** Begins counting afresh. */
export async function forgetNotes(page: Page): Promise<void> {
  await page.evaluate(FORGET);
}

export function readNotes(page: Page): Promise<Notes> {
  return page.evaluate<Notes>('drayageNotes');
}

/** Resolves once what was done is on the screen, and the browser has told of it. */
export async function painted(page: Page): Promise<void> {
  await page.evaluate(PAINTED);
}

/** Bytes of the page's own heap that are in use, after all garbage was collected. */
export async function heapInUse(session: CDPSession): Promise<number> {
  // What only a finaliser lets go of goes with the second.
  for (let times = 0; times < 2; times += 1) await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

/** How long each of the interactions took to be seen; those that were too quick to be told of count as the quickest. */
export function durationsOf({ interactions }: Notes, made: number): number[] {
  const told = Object.values(interactions);
  const quick = Math.max(0, made - told.length);
  return [...told, ...Array.from({ length: quick }, () => QUICKEST_MS)];
}
