import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { signInBrowser } from '../../lab/chromium.ts';
import { PASSWORD } from '../integration/support/people.ts';
import { expectAccessible } from './support/accessible.ts';
import { DESKTOP, PHONE, type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { EvacuationScene } from './support/evacuationScene.ts';
import { signInAsOperator, signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();

let opened: TestPage;
let page: Page;
let tenantId: string;
let scene: EvacuationScene;
beforeEach(async () => {
  const tenant = await browser.open({ url: dashboard.url });
  ({ tenantId } = await signUp(tenant, 'anna'));
  opened = await browser.open({ url: dashboard.url, viewport: DESKTOP });
  page = opened.page;
  await signInAsOperator(opened);
});

const dialog = () => page.getByRole('dialog');
const plan = () => page.getByRole('table', { name: 'Plan' });
const row = (name: string) => plan().getByRole('row', { name: new RegExp(`^${name} `) });
const button = (name: string) => page.getByRole('button', { name, exact: true });
const card = (name: string) => page.locator(`[data-device="${scene.devices[name] ?? ''}"]`);
const chip = (name: string) => page.locator(`[data-compute="${scene.computes[name] ?? ''}"]`);
const showDevice = (name: string) => page.goto(`/devices/${scene.devices[name] ?? ''}`);

/** From the page of d1, by its dialog. */
async function evacuate(): Promise<void> {
  await showDevice('d1');
  await button('Evacuate').click();
  await row('big').waitFor();
  await dialog().getByRole('button', { name: 'Evacuate', exact: true }).click();
  await page.getByRole('heading', { name: 'Evacuation of d1' }).waitFor();
}

/** Presses on a chip and carries it over a card; it is not let go. */
async function carry(name: string, to: string): Promise<void> {
  await page.locator('[data-draggable]').waitFor();
  await chip(name).hover();
  await page.mouse.down();
  const over = await card(to).boundingBox();
  if (!over) throw new Error('the card is not there');
  await page.mouse.move(over.x + 40, over.y + 12, { steps: 12 });
}

async function expectFits(): Promise<void> {
  const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  expect(wide, page.url()).toBeLessThanOrEqual(0);
}

describe('before an evacuation', () => {
  it('the plan is shown, with what cannot be moved and what would help, and nothing is done', async () => {
    scene = await EvacuationScene.make(dashboard.db, tenantId, { tooBig: true });
    await showDevice('d1');
    await button('Evacuate').click();
    await dialog().getByText('3 of 4 can be moved').waitFor();
    const order = await plan().locator('tbody tr').allInnerTexts();
    expect(order.slice(0, 3).map((text) => text.trim().split(/\s/)[0])).toEqual(['big', 'middle', 'small']);
    expect(await row('big').innerText()).toMatch(/d1 → d2/);
    await row('huge')
      .getByText(/^2 of 2 devices cannot: 2 lack memory\. Free .* MiB of memory on d2/)
      .waitFor();
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Ready', { exact: true }).waitFor();
    await page.goto('/evacuations');
    await page.getByText('No evacuations yet').waitFor();
  });

  it('a second one of the same device is refused, with the reason', async () => {
    scene = await EvacuationScene.make(dashboard.db, tenantId);
    opened.faults.allow(/^409 .*\/evacuations$/);
    await showDevice('d1');
    await button('Evacuate').click();
    await row('big').waitFor();
    // Somebody else was faster.
    const path = `/api/v1/devices/${scene.devices['d1'] ?? ''}/evacuations`;
    const other = await opened.context.request.post(path, {
      ...{ data: {}, headers: { origin: dashboard.url } },
    });
    expect(other.status()).toBe(202);
    await dialog().getByRole('button', { name: 'Evacuate', exact: true }).click();
    await dialog().getByRole('alert').getByText('is under way').waitFor();
    await expectAccessible(page);
  });

  it('a rebalance says that nothing is to be gained, and cannot be begun', async () => {
    scene = await EvacuationScene.make(dashboard.db, tenantId);
    await page.goto('/evacuations');
    await button('Rebalance').click();
    await dialog()
      .getByText(/^Nothing to gain/)
      .waitFor();
    expect(await dialog().getByRole('button', { name: 'Rebalance' }).isDisabled()).toBe(true);
    await expectAccessible(page);
  });
});

describe('an evacuation', () => {
  beforeEach(async () => {
    scene = await EvacuationScene.make(dashboard.db, tenantId);
  });

  it('is begun, and its page is live: how far it is, each move, its end, and the drained device', async () => {
    await evacuate();
    await page.getByText('0 of 3 moved, 3 to go').waitFor();
    await scene.step();
    await row('big').getByText('Moves').waitFor();
    await row('small').getByText('Waits').waitFor();
    await expectAccessible(page);
    expect(await row('big').getByRole('link', { name: 'big' }).getAttribute('href')).toMatch(
      /^\/migrations\//,
    );
    await scene.endMove();
    await row('big').getByText('Moved', { exact: true }).waitFor();
    await page.getByText('1 of 3 moved, 2 to go').waitFor();
    await scene.finish();
    await page.getByText('Done', { exact: true }).waitFor();
    await page.getByText('3 computes moved.').waitFor();
    await page.getByRole('link', { name: 'Evacuations', exact: true }).first().click();
    await page.getByRole('row', { name: /Evacuation of d1 Done 3 of 3 moved/ }).waitFor();
    await expectAccessible(page);
    await showDevice('d1');
    await page.getByText('Drained', { exact: true }).waitFor();
  });

  it('is paused and resumed, and the focus stays on the button', async () => {
    await evacuate();
    await button('Pause').press('Enter');
    await page.getByText('Paused', { exact: true }).waitFor();
    await page.getByText('not while it is paused').waitFor();
    expect(await page.evaluate('document.activeElement.textContent.trim()')).toBe('Resume');
    expect(await scene.step()).toMatchObject({ action: 'go', moves: [] });
    await expectAccessible(page);
    await button('Resume').press('Enter');
    await page.getByText('Running', { exact: true }).waitFor();
    await scene.step();
    await row('big').getByText('Moves').waitFor();
  });

  it.each([
    { how: 'its moves end', roll: false, ends: 'succeeded', moved: '2 of 3 moved' },
    { how: 'its moves are rolled back', roll: true, ends: 'aborted', moved: '0 of 3 moved' },
  ] as const)('is cancelled so that $how, and the device stays cordoned', async ({ roll, ends, moved }) => {
    await evacuate();
    await scene.step();
    await row('middle').getByText('Moves').waitFor();
    await button('Cancel').click();
    if (roll) await dialog().getByLabel('Roll back moves under way').check();
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Cancel it' }).click();
    await page.getByText('Being cancelled').waitFor();
    await page
      .getByText(roll ? 'moves under way are rolled back' : 'when moves under way have ended')
      .waitFor();
    await button('Cancel').waitFor({ state: 'detached' });
    await scene.endMove(ends);
    await scene.endMove(ends);
    await page.getByText('Cancelled', { exact: true }).waitFor();
    await page.getByText(moved).waitFor();
    await row('small').getByText('Left').waitFor();
    await showDevice('d1');
    await page.getByText('Cordoned', { exact: true }).waitFor();
  });

  it('brings back what it has moved, once the device is uncordoned', async () => {
    opened.faults.allow(/^409 .*\/return$/);
    await evacuate();
    await scene.finish();
    await button('Bring back').click();
    await page.getByText('Device d1 is drained').waitFor();
    await page.getByRole('main').getByRole('link', { name: 'd1' }).first().click();
    await button('Uncordon').click();
    await page.getByText('Ready', { exact: true }).waitFor();
    await page.goBack();
    await button('Bring back').click();
    await page.getByRole('heading', { name: 'Return to d1' }).waitFor();
    await page.getByText('0 of 3 moved, 3 to go').waitFor();
    await scene.finish();
    await page.getByText('3 of 3 moved').waitFor();
    await expectAccessible(page);
  });

  it('lets nobody drag a compute off its device or onto it, and says why', async () => {
    await evacuate();
    await page.goto('/');
    await carry('small', 'd2');
    await card('d2').getByText('d1 is being evacuated: its evacuation moves what runs on it.').waitFor();
    await page.mouse.up();
    await page.getByText('The operator can pause or cancel it.').waitFor();
    expect(await dialog().count()).toBe(0);
    await scene.finish();
    await card('d1').getByText('Drained').waitFor();
    await card('d1').getByText('No computes').waitFor();
    await carry('small', 'd1');
    await card('d1').getByText('Device d1 is drained.').waitFor();
    await page.mouse.up();
    await dialog().getByText('uncordon it').waitFor();
  });

  it('is the operator’s: a tenant sees its moves, and that the device is being emptied', async () => {
    await evacuate();
    await scene.step();
    const { page: seen, context } = await browser.open({ url: dashboard.url });
    await signInBrowser(context, { email: 'anna@example.org', password: PASSWORD });
    await seen.goto('/');
    const small = seen.locator(`[data-compute="${scene.computes['small'] ?? ''}"]`);
    await small.press('m');
    await seen.getByText('d1 is being evacuated').waitFor();
    await seen.goto('/migrations');
    await seen.getByRole('row', { name: /big d1 → d2 Copying memory/ }).waitFor();
    await seen.getByRole('link', { name: 'big' }).click();
    await seen.getByRole('heading', { name: 'Move of big' }).waitFor();
    expect(await seen.getByRole('link', { name: 'an evacuation' }).count()).toBe(0);
    await seen.goto('/evacuations');
    await seen.getByText("Evacuations are the operator's").waitFor();
  });
});

describe('on a phone', () => {
  it('nothing is wider than the screen', async () => {
    scene = await EvacuationScene.make(dashboard.db, tenantId, { tooBig: true });
    await page.setViewportSize(PHONE);
    await showDevice('d1');
    await button('Evacuate').click();
    await row('huge').waitFor();
    await expectFits();
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Evacuate', exact: true }).click();
    await page.getByRole('heading', { name: 'Evacuation of d1' }).waitFor();
    await scene.step();
    await row('big').getByText('Moves').waitFor();
    await expectFits();
    await expectAccessible(page);
    await page.goto('/evacuations');
    await page.getByRole('row', { name: /Evacuation of d1/ }).waitFor();
    await expectFits();
    await expectAccessible(page);
  });
});
