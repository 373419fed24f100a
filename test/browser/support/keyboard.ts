import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** A page has fewer things that one gets to. */
const MOST_STEPS = 80;
const SOON_MS = 15_000;

/**
 * Runs in the page: what is wrong with how the focus is shown; empty when a person sees where it is. It is shown by an outline
 * of the element or of what is around it, or as a menu shows its item; neither cut off nor covered.
 */
const HIDDEN_FOCUS = `(() => {
  const at = document.activeElement;
  if (at === null || at === document.body) return 'nothing has the focus';
  const what = at.tagName.toLowerCase() + ' ' + (at.getAttribute('aria-label') ?? at.textContent ?? '').trim().slice(0, 40);
  const style = (element) => getComputedStyle(element);
  const hidden = (element) => style(element).opacity === '0' || style(element).clipPath !== 'none';
  const outlined = (element) =>
    style(element).outlineStyle !== 'none' && parseFloat(style(element).outlineWidth) > 0 && !hidden(element);
  let shown = at;
  while (shown !== null && !outlined(shown)) shown = shown.parentElement;
  if (shown === null) {
    if (!at.matches('[role="menuitem"][data-highlighted]')) return what + ' has no outline';
    shown = at;
    if (style(at).backgroundColor === style(at.parentElement).backgroundColor) return what + ' looks as the others';
  }
  const box = shown.getBoundingClientRect();
  const band = outlined(shown) ? parseFloat(style(shown).outlineOffset) + parseFloat(style(shown).outlineWidth) : 0;
  const sides = { left: box.left - band, right: box.right + band, top: box.top - band, bottom: box.bottom + band };
  const clips = [{ left: 0, top: 0, right: innerWidth, bottom: innerHeight }];
  for (let outer = shown.parentElement; outer !== null && outer !== document.body; outer = outer.parentElement)
    if (style(outer).overflow !== 'visible') clips.push(outer.getBoundingClientRect());
  const seen = ['left', 'top'].filter((side) => clips.every((clip) => sides[side] >= clip[side] - 0.5)).length +
    ['right', 'bottom'].filter((side) => clips.every((clip) => sides[side] <= clip[side] + 0.5)).length;
  if (seen < 2) return what + ' has an outline that is cut off';
  const points = [0.5, 0.1, 0.9].flatMap((x) => [0.5, 0.1, 0.9].map((y) => [box.left + box.width * x, box.top + box.height * y]));
  const free = points.some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return top !== null && (shown.contains(top) || top.contains(shown));
  });
  return free ? '' : what + ' is covered';
})()`;

/** Runs in the page. */
const FOCUSED = `(() => {
  const at = document.activeElement;
  return at === null ? '' : (at.getAttribute('aria-label') ?? at.textContent ?? '').trim().replace(/\\s+/g, ' ').slice(0, 40);
})()`;

/** A person without a pointer: whatever is done to the page is done by keys, and where the focus is can be seen. */
export class Keyboard {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Goes to it by Tab, or the other way round by Shift+Tab. */
  async to(wanted: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    await wanted.waitFor({ state: 'attached', timeout: SOON_MS });
    const passed: string[] = [];
    for (let step = 0; !(await has(wanted)); step += 1) {
      if (step === MOST_STEPS)
        throw new Error(`${key} does not lead to ${String(wanted)}, but to ${passed.join(', ')}.`);
      await this.#page.keyboard.press(key);
      passed.push(await this.#page.evaluate<string>(FOCUSED));
    }
    await this.expectSeen();
  }

  /** Goes to it, and presses Enter there. */
  async enter(wanted: Locator, key?: 'Tab' | 'Shift+Tab'): Promise<void> {
    await this.to(wanted, key);
    await this.press('Enter');
  }

  /** Goes to a field, and writes over what is in it. */
  async write(field: Locator, text: string): Promise<void> {
    await this.to(field);
    await this.press('ControlOrMeta+a');
    await this.type(text);
  }

  /** Goes through the open menu to an item, and chooses it. */
  async choose(item: Locator): Promise<void> {
    await item.waitFor();
    for (let step = 0; !(await has(item)); step += 1) {
      if (step === MOST_STEPS) throw new Error(`The arrow keys do not lead to ${String(item)}.`);
      await this.press('ArrowDown');
    }
    await this.expectSeen();
    await this.press('Enter');
  }

  press(key: string): Promise<void> {
    return this.#page.keyboard.press(key);
  }

  type(text: string): Promise<void> {
    return this.#page.keyboard.type(text);
  }

  /** It has the focus, or is about to have it, without a key. */
  async expectAt(wanted: Locator): Promise<void> {
    await expect.poll(() => has(wanted), { timeout: SOON_MS, interval: 50 }).toBe(true);
    await this.expectSeen();
  }

  async expectSeen(): Promise<void> {
    await expect
      .poll(() => this.#page.evaluate<string>(HIDDEN_FOCUS), { timeout: 2_000, interval: 50 })
      .toBe('');
  }
}

async function has(wanted: Locator): Promise<boolean> {
  if ((await wanted.count()) === 0) return false;
  return wanted.first().evaluate((element) => {
    const { ownerDocument } = element as unknown as { ownerDocument: { activeElement: unknown } };
    return ownerDocument.activeElement === element;
  });
}
