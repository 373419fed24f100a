import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** Runs in the page. */
const STILL = `document.getAnimations().every(({ playState }) => playState !== 'running')`;
const COUNTS = ['serious', 'critical'];

/** Fails where axe finds something serious or critical in the page as it is, in both themes. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // Colours that fade in are not those to be judged.
    await expect.poll(() => page.evaluate(STILL), { timeout: 15_000 }).toBe(true);
    // Legacy is what needs no second page; there are no frames of other origins here.
    const axe = new AxeBuilder({ page }).setLegacyMode();
    // The themes differ in colours alone.
    if (colorScheme === 'dark') axe.withRules('color-contrast');
    const { violations } = await axe.analyze();
    const found = violations
      .filter(({ impact }) => COUNTS.includes(impact ?? ''))
      .flatMap(({ id, help, nodes }) =>
        nodes.map(
          ({ target, failureSummary }) => `${id}: ${help}; ${target.join(' ')}; ${failureSummary ?? ''}`,
        ),
      );
    expect(found.join('\n'), `${colorScheme}, ${page.url()}`).toBe('');
  }
}
