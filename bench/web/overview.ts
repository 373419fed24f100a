import { setTimeout as pause } from 'node:timers/promises';
import type { CDPSession, Page } from 'playwright-core';
import { launchChromium, signInBrowser } from '../../lab/chromium.ts';
import { apiUrl, readAdmin } from '../../lab/control.ts';
import type { ControlApi } from '../../lab/controlApi.ts';
import type { Lab } from '../../lab/state.ts';
import type { LeftOpen } from './webFigures.ts';
import { durationsOf, forgetNotes, heapInUse, noteWhatHappens, painted, readNotes } from './watchPage.ts';

/** So often each action is done. */
const TIMES = 12;
/** A page that was just opened makes what it keeps: its heap is measured from here on. */
const WARM_UP_MS = 60_000;
/** Between two lines on how far it is. */
const SAY_MS = 60_000;

export interface Opened {
  page: Page;
  session: CDPSession;
  close(): Promise<void>;
}

/** The overview in a browser of its own, signed in as the operator. */
export async function openOverview(lab: Lab): Promise<Opened> {
  const browser = await launchChromium();
  const context = await browser.newContext({
    ...{ baseURL: apiUrl(lab), viewport: { width: 1440, height: 900 } },
  });
  await signInBrowser(context, await readAdmin(lab));
  const page = await context.newPage();
  await noteWhatHappens(page);
  await page.goto('/');
  await page.locator('[data-compute]').first().waitFor({ timeout: 60_000 });
  return { page, session: await context.newCDPSession(page), close: () => browser.close() };
}

/** Does what people do there, again and again; resolves with how long each action took to be seen, milliseconds. */
export async function useOverview({ page }: Opened, signal: AbortSignal): Promise<number[]> {
  const filter = page.getByRole('searchbox').first();
  let made = 0;
  const done = async (interactions: number) => {
    made += interactions;
    await painted(page);
  };
  await forgetNotes(page);
  for (let time = 0; time < TIMES; time += 1) {
    signal.throwIfAborted();
    await filter.click();
    await done(1);
    for (const key of 'pute-1') {
      await page.keyboard.press(key);
      await done(1);
    }
    await filter.fill('');
    await painted(page);
    const chip = page.locator('[data-compute]').nth(time % 8);
    await chip.click();
    await page.getByRole('menu').waitFor();
    await done(1);
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    await done(1);
  }
  return durationsOf(await readNotes(page), made);
}

/** Leaves the page open while computes move. */
export async function leaveOpen(
  { page, session }: Opened,
  api: ControlApi,
  minutes: number,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<LeftOpen> {
  say('letting the page settle');
  await pause(WARM_UP_MS, undefined, { signal });
  let events = 0;
  const listening = new AbortController();
  await api.listen({ types: '*' }, () => (events += 1), AbortSignal.any([listening.signal, signal]));
  await forgetNotes(page);
  const heapBefore = await heapInUse(session);
  const end = performance.now() + minutes * 60_000;
  try {
    while (performance.now() < end) {
      await pause(Math.min(SAY_MS, end - performance.now()), undefined, { signal });
      const heap = ((await heapInUse(session)) / 1e6).toFixed(1);
      say(`${String(events)} events, the page's heap is ${heap} MB`);
    }
  } finally {
    listening.abort();
  }
  const { changedFrames, mostChangesInAFrame } = await readNotes(page);
  const heapAfter = await heapInUse(session);
  return { minutes, heapBefore, heapAfter, events, changedFrames, mostChangesInAFrame };
}
