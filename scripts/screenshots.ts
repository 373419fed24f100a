/**
 * `npm run screenshots`: writes each page of the dashboard, in both themes, on a desktop and on a phone, to docs/screenshots/,
 * as PAGE-THEME-SCREEN.png. What they show is a lab of fake devices.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { DrayageError } from '../core/cause.ts';
import { until } from '../core/until.ts';
import { launchChromium, signInBrowser } from '../lab/chromium.ts';
import { apiUrl, readAdmin } from '../lab/control.ts';
import { downLab } from '../lab/down.ts';
import { makeProgress } from '../lab/progress.ts';
import type { Lab } from '../lab/state.ts';
import { upLab } from '../lab/up.ts';
import { pagesOf } from './screenshots/pages.ts';
import { makeScene } from './screenshots/scene.ts';

const LAB = 'pictures';
const FOLDER = fileURLToPath(new URL('../docs/screenshots', import.meta.url));
const THEMES = ['light', 'dark'] as const;
const SCREENS = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
};

const REST_MS = 20_000;
/** Runs in the page: nothing moves that comes to an end. */
const AT_REST = `document.getAnimations().every(({ playState, effect }) =>
  playState !== 'running' || effect.getTiming().iterations === Infinity)`;

const progress = makeProgress((line) => console.error(line));
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => stopped.abort(new Error('Stopped.')));
process.exitCode = await main();

async function main(): Promise<number> {
  try {
    await downLab(LAB, progress);
    const { lab } = await upLab(LAB, { devices: 0 }, progress, stopped.signal);
    const scene = await makeScene(lab, progress);
    await mkdir(FOLDER, { recursive: true });
    const count = await takePictures(lab, pagesOf(scene));
    console.log(`${String(count)} pictures written to docs/screenshots`);
    return 0;
  } catch (error) {
    console.error(error instanceof DrayageError ? error.message : error);
    return 1;
  } finally {
    await downLab(LAB, progress);
  }
}

async function takePictures(lab: Lab, pages: ReturnType<typeof pagesOf>): Promise<number> {
  const browser = await launchChromium(['--force-device-scale-factor=1']);
  let count = 0;
  try {
    for (const [screen, viewport] of Object.entries(SCREENS)) {
      const context = await browser.newContext({
        ...{ baseURL: apiUrl(lab), viewport, locale: 'en-GB', timezoneId: 'Europe/Berlin' },
        ...{ reducedMotion: 'reduce', hasTouch: screen === 'phone' },
      });
      await signInBrowser(context, await readAdmin(lab));
      const page = await context.newPage();
      for (const { name, path, signedOut, prepare } of pages) {
        stopped.signal.throwIfAborted();
        const cookies = await context.cookies();
        if (signedOut === true) await context.clearCookies();
        await page.goto(path);
        await settled(page);
        await prepare?.(page);
        for (const theme of THEMES) {
          await page.emulateMedia({ colorScheme: theme });
          await settled(page);
          await page.screenshot({ path: join(FOLDER, `${name}-${theme}-${screen}.png`) });
          count += 1;
        }
        if (signedOut === true) await context.addCookies(cookies);
        progress.say(`${screen}: ${name}`);
      }
      await context.close();
    }
  } finally {
    await browser.close();
  }
  return count;
}

/** What is loaded is there, and what moves has come to rest. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1').waitFor();
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
  await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' });
  // waitForFunction would need eval, which the policy forbids.
  await until('the page to be at rest', REST_MS, () => page.evaluate<boolean>(AT_REST), 50);
}
