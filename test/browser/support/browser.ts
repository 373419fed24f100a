import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchChromium } from '../../../lab/chromium.ts';
import { type Faults, watchPage } from './watchPage.ts';

export interface OpenOptions {
  /** Of the dashboard, e.g. http://127.0.0.1:41234; paths that are gone to are below it. */
  url: string;
  theme?: 'light' | 'dark';
  viewport?: { width: number; height: number };
}

export interface TestBrowser {
  /** A page in a browser of its own: no cookies, nothing remembered. Its faults fail the test. */
  open(options: OpenOptions): Promise<TestPage>;
}

export interface TestPage {
  page: Page;
  context: BrowserContext;
  faults: Faults;
}

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

/** One Chromium for the tests of a file. A test fails when the browser has said anything of an error or of the policy. */
export function useBrowser(): TestBrowser {
  let browser: Browser;
  const opened: TestPage[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterEach(async () => {
    const ended = opened.splice(0);
    await Promise.all(ended.map(({ context }) => context.close()));
    expect(ended.flatMap(({ faults }) => faults.seen)).toEqual([]);
  });
  afterAll(() => browser.close());

  return {
    open: async ({ url, theme = 'light', viewport = DESKTOP }) => {
      const options: BrowserContextOptions = { baseURL: url, colorScheme: theme, viewport, locale: 'en-GB' };
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const made = { page, context, faults: await watchPage(page) };
      opened.push(made);
      return made;
    },
  };
}
