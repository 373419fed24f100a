import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectAccessible } from './support/accessible.ts';
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
  opened = await browser.open({ url: dashboard.url, viewport: DESKTOP });
  page = opened.page;
  const { tenantId } = await signUp(opened, 'anna');
  fleet = await makeFleet(dashboard.db, tenantId);
});

const dialog = () => page.getByRole('dialog');
const rows = () => page.getByRole('table', { name: 'Devices' }).getByRole('row');
const show = (name: string) => page.goto(`/devices/${fleet.devices[name] ?? ''}`);

describe('the operator', () => {
  beforeEach(() => signInAsOperator(opened));

  it('filters the devices, and finds the same again at the address', async () => {
    await page.goto('/devices?location=South+hall');
    await page.getByRole('link', { name: 'south-arm' }).waitFor();
    expect(await rows().count()).toBe(3);
    await page.getByLabel('Architecture').selectOption('arm64');
    await page.getByRole('link', { name: 'south-1' }).waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('?location=South+hall&architecture=arm64');
    await page.getByRole('searchbox').fill('nowhere');
    await page.getByText('No device matches the filters').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByRole('link', { name: 'north-1' }).waitFor();
    expect(new URL(page.url()).search).toBe('');
  });

  it('approves a device once both keys were compared, under another name', async () => {
    await page.goto('/devices');
    await page.getByRole('button', { name: 'Approve newcomer' }).click();
    await dialog()
      .getByText(/^SHA256:/)
      .waitFor();
    const approve = dialog().getByRole('button', { name: 'Approve', exact: true });
    expect(await approve.isDisabled()).toBe(true);
    await dialog().getByLabel('Both show the same key').check();
    await dialog().getByLabel('Another name').fill('Not A Name');
    expect(await approve.isDisabled()).toBe(true);
    await expectAccessible(page);
    await dialog().getByLabel('Another name').fill('north-3');
    await approve.click();
    await page.getByText('north-3 takes part now.').waitFor();
    await page.getByRole('link', { name: 'north-3' }).waitFor();
    await page.getByRole('heading', { name: 'To approve' }).waitFor({ state: 'detached' });
  });

  it('expects a device: its token is shown once, with the command for it', async () => {
    await page.goto('/devices');
    await page.getByRole('button', { name: 'Expect a device' }).click();
    await dialog().getByLabel('Labels').fill('floor');
    await dialog().getByText('“floor” is no label: write name=value.').waitFor();
    await dialog().getByLabel('Labels').fill('floor=3');
    await dialog().getByLabel('Name').fill('roof');
    await dialog().getByRole('button', { name: 'Make the token' }).click();
    await dialog().getByText('The device may join').waitFor();
    const token = await dialog().locator('code').first().innerText();
    expect(token).toMatch(/^drj_/);
    const command = await dialog().locator('pre').innerText();
    expect(command).toContain(`DRAYAGE_JOIN_TOKEN=${token} sh deploy/install-device.sh`);
    expect(command).toContain('--name roof');
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(token);
  });

  it('reads why a move is not possible, cordons a device, labels it, and removes it by typing its name', async () => {
    // That it is gone is found out by reading it.
    opened.faults.allow(/^404 .*\/devices\//);
    await show('spare');
    await page.getByText('The target is arm64').waitFor();
    await page.getByText('Choose a target of the same architecture.').waitFor();
    await page.getByText('The device has told nothing in this time.').waitFor();
    await page.getByRole('button', { name: 'Cordon', exact: true }).click();
    await page.getByRole('button', { name: 'Uncordon' }).waitFor();

    await page.getByRole('button', { name: 'Edit' }).click();
    await dialog().getByLabel('Location').fill('Cellar');
    await dialog().getByLabel('Labels').fill('floor=0');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await page.getByText('Cellar').waitFor();
    await page.getByText('floor=0').waitFor();

    await page.getByRole('button', { name: 'Remove' }).click();
    const remove = dialog().getByRole('button', { name: 'Remove' });
    expect(await remove.isDisabled()).toBe(true);
    await dialog()
      .getByLabel(/to confirm/)
      .fill('spare');
    await expectAccessible(page);
    await remove.click();
    await page.getByRole('heading', { name: 'Devices', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'north-1' }).waitFor();
    await page.getByRole('link', { name: 'spare' }).waitFor({ state: 'detached' });
  });

  it('is told why a device with computes cannot be removed', async () => {
    opened.faults.allow(/^409 .*\/devices\//);
    await show('north-1');
    await page.getByRole('button', { name: 'Remove' }).click();
    await dialog()
      .getByLabel(/to confirm/)
      .fill('north-1');
    await dialog().getByRole('button', { name: 'Remove' }).click();
    await dialog().getByRole('alert').getByText('Move or delete them first.').waitFor();
  });
});

describe('a member', () => {
  it.each([DESKTOP, PHONE])(
    'looks at devices and changes none, on a screen of $width px',
    async (viewport) => {
      await page.setViewportSize(viewport);
      await page.goto('/devices');
      await page.getByText('The operator approves devices.').waitFor();
      expect(await page.getByRole('button', { name: 'Expect a device' }).count()).toBe(0);
      await fits();
      await show('north-1');
      await page.getByRole('link', { name: 'web' }).waitFor();
      await page.locator('.uplot').first().waitFor();
      expect(await page.getByRole('button', { name: 'Remove' }).count()).toBe(0);
      await fits();
    },
  );

  async function fits(): Promise<void> {
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect(wide).toBeLessThanOrEqual(0);
    await expectAccessible(page);
  }
});
