import type { Locator, Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { setComputeState } from '../../db/computes.ts';
import { setDeviceState, updateDevice } from '../../db/devices.ts';
import { expectAccessible } from './support/accessible.ts';
import { moveOf } from './support/boardMoves.ts';
import { DESKTOP, PHONE, type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { type Fleet, makeFleet } from './support/fleet.ts';
import { signInAsOperator, signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();

let opened: TestPage;
let page: Page;
let fleet: Fleet;
beforeEach(async () => {
  await open(DESKTOP);
  const { tenantId } = await signUp(opened, 'anna');
  fleet = await makeFleet(dashboard.db, tenantId);
});

async function open(viewport: { width: number; height: number }): Promise<void> {
  opened = await browser.open({ url: dashboard.url, viewport });
  page = opened.page;
}
const card = (name: string) => page.locator(`[data-device="${fleet.devices[name] ?? ''}"]`);
const chip = (name: string) => page.locator(`[data-compute="${fleet.computes[name] ?? ''}"]`);
const dialog = () => page.getByRole('dialog');

/** What makes chips move is loaded after the board. */
const canDrag = () => page.locator('[data-draggable]').waitFor();

/** Presses on a chip and carries it over a card; it is not let go. */
async function carry(from: Locator, to: Locator): Promise<void> {
  await canDrag();
  await from.hover();
  await page.mouse.down();
  const over = await to.boundingBox();
  if (!over) throw new Error('the card is not there');
  await page.mouse.move(over.x + 40, over.y + 12, { steps: 12 });
}

describe('the overview', () => {
  it('shows devices by place with their computes, and what was counted leads to a list of it', async () => {
    const markup = '<img src=x onerror=alert(1)>';
    await updateDevice(dashboard.db, fleet.devices['spare'] ?? '', { location: markup });
    await page.goto('/');
    await card('north-1').getByText('Ready').waitFor();
    const places = await page.getByRole('heading', { level: 2 }).allInnerTexts();
    expect(places.map((text) => text.split('\n')[0]?.trim())).toEqual([
      markup,
      'North hall',
      'South hall',
      'No location',
    ]);
    expect(await card('north-1').locator('[data-compute]').allInnerTexts()).toEqual(
      expect.arrayContaining([expect.stringContaining('web'), expect.stringContaining('db')]),
    );
    expect(await card('north-1').getByRole('meter', { name: 'CPU' }).getAttribute('aria-valuetext')).toBe(
      '85 %',
    );
    await expectAccessible(page);

    await page.getByRole('searchbox').fill('floor=2');
    await card('north-1').waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('?q=floor%3D2');
    await page.getByRole('searchbox').fill('');
    await card('north-1').waitFor();

    await setDeviceState(dashboard.db, fleet.devices['spare'] ?? '', ['ready'], 'cordoned');
    await card('spare').getByText('Cordoned').waitFor();
    await page.getByRole('link', { name: '1 to approve' }).click();
    await page.getByRole('heading', { name: 'Devices', level: 1 }).waitFor();
    expect(await page.getByRole('table').getByRole('row').count()).toBe(2);
  });

  it('moves a compute that is dropped on another device, shows how far it is, and says when it is there', async () => {
    await page.goto('/');
    await carry(chip('web'), card('south-1'));
    await card('south-1').getByText('Freeze about').waitFor();
    await card('south-arm').getByText('The target is arm64').waitFor();
    await page.mouse.up();
    await dialog().getByText('Freeze, about').waitFor();
    expect(await dialog().locator('.way').innerText()).toMatch(/north-1[^]*south-1/);
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Move', exact: true }).click();
    await page.getByText('web moves to south-1.').waitFor();

    const move = await moveOf(dashboard.db, fleet.computes['web'] ?? '');
    expect(move.targetId).toBe(fleet.devices['south-1']);
    await move.copy(1);
    await chip('web').getByText('Copying memory').waitFor();
    const ghost = card('south-1').getByRole('link', { name: /web/ });
    expect(await ghost.getAttribute('href')).toBe(`/migrations/${move.id}`);
    await expectAccessible(page);

    await move.succeed(97);
    await card('south-1')
      .locator(`[data-compute="${fleet.computes['web'] ?? ''}"]`)
      .waitFor();
    await ghost.waitFor({ state: 'detached' });
    await page.getByText('web is on south-1 now.').waitFor();
    await page.getByText('It was frozen for 97.0 ms.').waitFor();
  });

  it('says why a device cannot take a compute that is dropped on it, and what helps', async () => {
    await page.goto('/');
    await carry(chip('web'), card('south-arm'));
    await card('south-arm').getByText('The target is arm64').waitFor();
    await page.mouse.up();
    await dialog().getByText('Choose a target of the same architecture.').waitFor();
    expect(await dialog().getByRole('button', { name: 'Move', exact: true }).count()).toBe(0);
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Choose another device' }).click();
    await dialog()
      .getByRole('radio', { name: /north-2/ })
      .check();
    await dialog().getByRole('button', { name: 'Move', exact: true }).waitFor();
  });

  it('does nothing when a compute is let go where it was, or Escape is pressed', async () => {
    await page.goto('/');
    await carry(chip('web'), card('north-1'));
    await card('north-1').getByText('It is here').waitFor();
    await page.mouse.up();
    await carry(chip('web'), card('south-1'));
    await card('south-1').getByText('Freeze about').waitFor();
    await page.keyboard.press('Escape');
    await card('south-1').getByText('Freeze about').waitFor({ state: 'detached' });
    await page.mouse.up();
    expect(await dialog().count()).toBe(0);
    expect(await page.getByRole('menu').count()).toBe(0);
  });

  it('is used by keys alone', async () => {
    await page.goto('/');
    await chip('db').focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.evaluate('document.activeElement.dataset.compute')).toBe(fleet.computes['web']);
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Move to…' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.dataset.compute')).toBe(fleet.computes['web']);

    await page.keyboard.press('m');
    const first = dialog().getByRole('radio').first();
    await first.focus();
    await page.keyboard.press('ArrowDown');
    await dialog().getByText('More options').press('Enter');
    await dialog().getByLabel('Maximum freeze, ms').fill('fast');
    await dialog().getByText('A whole number from 1 to 600,000.').waitFor();
    expect(await dialog().getByRole('button', { name: 'Move', exact: true }).isDisabled()).toBe(true);
    await dialog().getByLabel('Maximum freeze, ms').fill('200');
    await page.keyboard.press('Enter');
    await page.getByText('web moves to south-1.').waitFor();
    await moveOf(dashboard.db, fleet.computes['web'] ?? '').then((move) =>
      move.fail('The link was lost.', 'Look at the cable.'),
    );
    await page.getByText('web was not moved: The link was lost.').waitFor();
    await page.getByText('Look at the cable.').waitFor();
  });

  it('shows in the dialog why a move was refused', async () => {
    opened.faults.allow(/^4\d\d .*\/migrations$/);
    await page.goto('/');
    await chip('web').press('m');
    await dialog()
      .getByRole('radio', { name: /south-1/ })
      .check();
    await setDeviceState(dashboard.db, fleet.devices['south-1'] ?? '', ['ready'], 'cordoned');
    await dialog().getByRole('button', { name: 'Move', exact: true }).click();
    await dialog()
      .getByRole('alert')
      .getByText(/south-1 is cordoned/)
      .waitFor();
    await expectAccessible(page);
  });

  it('lets a finger move a compute, which scrolls the page otherwise', async () => {
    await page.goto('/');
    await canDrag();
    const [from, to] = [await chip('web').boundingBox(), await card('south-1').boundingBox()];
    if (!from || !to) throw new Error('the board is not there');
    const client = await opened.context.newCDPSession(page);
    const touch = (type: string, x?: number, y?: number) =>
      client.send('Input.dispatchTouchEvent', {
        type: type as 'touchStart',
        touchPoints: x === undefined || y === undefined ? [] : [{ x, y }],
      });
    await touch('touchStart', from.x + 20, from.y + 10);
    await page.waitForTimeout(400);
    for (let step = 1; step <= 6; step += 1) {
      const part = step / 6;
      await touch(
        'touchMove',
        from.x + 20 + (to.x + 40 - from.x - 20) * part,
        from.y + 10 + (to.y + 12 - from.y - 10) * part,
      );
    }
    await card('south-1').getByText('Freeze about').waitFor();
    await touch('touchEnd');
    await dialog().getByRole('heading', { name: 'Move web' }).waitFor();
  });

  it('has computes of all tenants for the operator, live, and all fits on a phone', async () => {
    await open(PHONE);
    await signInAsOperator(opened);
    await page.goto('/');
    await chip('web').getByText('anna').waitFor();
    await setComputeState(dashboard.db, fleet.computes['web'] ?? '', 'stopped');
    await chip('web').getByText('Stopped').waitFor();
    await setComputeState(dashboard.db, fleet.computes['web'] ?? '', 'running');
    await chip('web').getByText('Stopped').waitFor({ state: 'detached' });
    expect(
      await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
    ).toBeLessThanOrEqual(0);
    await expectAccessible(page);
    await chip('web').press('m');
    await dialog().getByRole('radio').first().waitFor();
    expect(
      await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
    ).toBeLessThanOrEqual(0);
    await expectAccessible(page);
  });
});
