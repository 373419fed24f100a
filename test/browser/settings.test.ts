import { beforeEach, describe, expect, it } from 'vitest';
import { makeImage } from '../integration/support/fixtures.ts';
import { PASSWORD } from '../integration/support/people.ts';
import { expectAccessible } from './support/accessible.ts';
import { PHONE, type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { signInAsOperator, signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();

let opened: TestPage;
beforeEach(async () => {
  opened = await browser.open({ url: dashboard.url });
});

const dialog = () => opened.page.getByRole('dialog');

describe('who is signed in', () => {
  beforeEach(() => signUp(opened, 'anna'));

  it('makes a token, sees its secret once, and deletes it', async () => {
    const { page, context } = opened;
    await page.goto('/settings/tokens');
    await page.getByRole('button', { name: 'Make a token' }).first().click();
    await dialog().getByLabel('Name').fill('build');
    await expectAccessible(page);
    await dialog().getByRole('button', { name: 'Make it' }).click();
    const secret = await dialog().locator('code').textContent();
    expect(secret).toMatch(/^drt_/);
    const me = await context.request.get('/api/v1/auth/me', {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(me.status()).toBe(200);
    await dialog().getByRole('button', { name: 'Done' }).click();
    await page.getByRole('row', { name: /^build/ }).waitFor();
    expect(await page.getByText(secret ?? '').count()).toBe(0);
    await page.getByRole('button', { name: 'Delete build' }).click();
    await dialog().getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No tokens yet').waitFor();
  });

  it('keeps credentials, groups and webhooks', async () => {
    const { page } = opened;
    await page.goto('/settings/registries');
    await page.getByRole('button', { name: 'Add credentials' }).click();
    await dialog().getByLabel('Registry').fill('registry.example.org');
    await dialog().getByLabel('User name').fill('anna');
    await dialog().getByLabel('Password or token').fill('a secret');
    await dialog().getByRole('button', { name: 'Keep them' }).click();
    await page.getByRole('row', { name: /registry\.example\.org anna/ }).waitFor();
    expect(await page.getByText('a secret').count()).toBe(0);

    await page.getByRole('link', { name: 'Groups' }).click();
    await page.getByRole('button', { name: 'Make a group' }).click();
    await dialog().getByLabel('Name').fill('pair');
    await dialog().getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('row', { name: /^pair – none/ }).waitFor();

    await page.getByRole('link', { name: 'Webhooks' }).click();
    await page.getByRole('button', { name: 'Add a webhook' }).first().click();
    await dialog().getByLabel('Address').fill('https://example.org/hook');
    await dialog().getByLabel('Events').fill('migration.*, compute.failed');
    await dialog().getByRole('button', { name: 'Add it' }).click();
    await dialog()
      .getByText(/^whsec_/)
      .waitFor();
    await dialog().getByRole('button', { name: 'Done' }).click();
    await page.getByText('migration.*, compute.failed').waitFor();
    await page.getByRole('switch', { name: 'Send to https://example.org/hook' }).click();
    await page.getByRole('switch', { checked: false }).waitFor();
    await page.getByRole('button', { name: 'Deliveries to https://example.org/hook' }).click();
    await dialog().getByText('Nothing was sent yet').waitFor();
    await expectAccessible(page);
  });

  it('is told by the form what the API says against it', async () => {
    const { page, faults } = opened;
    faults.allow(/^400 .*\/groups$/);
    await page.goto('/settings/groups');
    await page.getByRole('button', { name: 'Make a group' }).click();
    await dialog().getByLabel('Name').fill('NOT A NAME');
    await dialog().getByRole('button', { name: 'Make it' }).click();
    await dialog().getByRole('alert').waitFor();
    expect(await dialog().getByLabel('Name').inputValue()).toBe('NOT A NAME');
  });

  it('makes another tenant, and deletes it by typing its name', async () => {
    const { page } = opened;
    await page.goto('/settings/tenants');
    await page.getByRole('button', { name: 'Make a tenant' }).click();
    await dialog().getByLabel('Name').fill('second');
    await dialog().getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('button', { name: 'Look at second' }).click();
    await page.getByRole('row', { name: /second looked at owner/ }).waitFor();
    await page.getByRole('button', { name: 'Delete second' }).click();
    const sure = dialog().getByRole('button', { name: 'Delete it' });
    expect(await sure.isDisabled()).toBe(true);
    await dialog().getByLabel('Type “second” to confirm').fill('second');
    await sure.click();
    await page.getByRole('row', { name: /^anna looked at owner/ }).waitFor();
    expect(await page.getByRole('row', { name: /second/ }).count()).toBe(0);
  });
});

describe('an owner', () => {
  it('invites somebody, who joins by the link; makes them a member, and removes them', async () => {
    await signUp(opened, 'anna');
    const { page } = opened;
    await page.goto('/settings/members');
    await page.getByRole('button', { name: 'Invite somebody' }).click();
    await dialog().getByLabel('Email').fill('bert@example.org');
    await dialog().getByLabel('Role').selectOption('viewer');
    await dialog().getByRole('button', { name: 'Make the invitation' }).click();
    const link = (await dialog().locator('code').textContent()) ?? '';
    await dialog().getByRole('button', { name: 'Done' }).click();

    const guest = await browser.open({ url: dashboard.url });
    await guest.page.goto(link);
    await guest.page.getByLabel('Email').fill('bert@example.org');
    await guest.page.getByLabel('Password').fill(PASSWORD);
    await guest.page.getByRole('button', { name: 'Register' }).click();
    await guest.page.getByRole('heading', { name: 'Overview' }).waitFor();
    await guest.page.goto('/settings/webhooks');
    await guest.page.getByText('Webhooks are for members').waitFor();
    expect(await guest.page.getByRole('button', { name: 'Add a webhook' }).count()).toBe(0);

    // Live: nothing was reloaded here.
    await page
      .getByRole('row', { name: /^bert@example\.org viewer/ })
      .first()
      .waitFor();
    await page.getByText('Accepted').waitFor();
    const act = page.getByRole('button', { name: 'Actions on bert@example.org' });
    await act.click();
    await page.getByRole('menuitem', { name: 'Make member' }).click();
    await page.getByRole('row', { name: /^bert@example\.org member/ }).waitFor();
    await expectAccessible(page);
    await act.click();
    await page.getByRole('menuitem', { name: 'Remove from the tenant' }).click();
    await dialog().getByRole('button', { name: 'Remove' }).click();
    await act.waitFor({ state: 'detached' });
  });

  it('cannot leave a tenant without an owner, and is told so', async () => {
    await signUp(opened, 'anna');
    const { page, faults } = opened;
    faults.allow(/^409 /);
    await page.goto('/settings/members');
    await page.getByRole('button', { name: 'Actions on anna@example.org' }).click();
    await page.getByRole('menuitem', { name: 'Leave the tenant' }).click();
    await dialog().getByRole('button', { name: 'Leave' }).click();
    await dialog().getByText('The tenant would be left without an owner.').waitFor();
  });
});

describe('the operator', () => {
  it('sets limits and the image of a runtime', async () => {
    await signInAsOperator(opened);
    const { page, context } = opened;
    await page.goto('/settings/quotas');
    await page.getByRole('button', { name: 'Change the limits' }).click();
    await dialog().getByLabel('Computes').fill('many');
    await dialog().getByText('A whole number, or nothing for no limit.').waitFor();
    await dialog().getByLabel('Computes').fill('12');
    await dialog().getByLabel('Memory').fill('1.5');
    await dialog().getByRole('button', { name: 'Set them' }).click();
    await page.getByRole('meter', { name: 'Memory' }).waitFor();
    await page.getByText('0 of 12').waitFor();
    await page.getByText('0 B of 1.5 GiB').waitFor();

    const me = (await (await context.request.get('/api/v1/auth/me')).json()) as { tenants: { id: string }[] };
    await makeImage(dashboard.db, 'node-base', me.tenants[0]?.id);
    await page.getByRole('link', { name: 'Runtimes' }).click();
    await page.getByRole('button', { name: 'Set the image of Node.js' }).click();
    await dialog().getByLabel('Image').selectOption({ label: 'node-base' });
    await dialog().getByRole('button', { name: 'Set it' }).click();
    await page.getByRole('row', { name: /^Node\.js sha256:/ }).waitFor();
    await expectAccessible(page);
  });
});

it('every part can be read by all, and on a phone', async () => {
  opened = await browser.open({ url: dashboard.url, viewport: PHONE });
  await signInAsOperator(opened);
  const { page } = opened;
  for (const part of [
    'Profile',
    'Tokens',
    'Members',
    'Quotas',
    'Groups',
    'Registries',
    'Webhooks',
    'Tenants',
    'Runtimes',
  ]) {
    await page.goto(`/settings/${part.toLowerCase()}`);
    await page.getByRole('heading', { level: 1, name: part }).waitFor();
    await page.getByText('Loading').first().waitFor({ state: 'detached' });
    const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect(wide, part).toBeLessThanOrEqual(0);
    await expectAccessible(page);
  }
}, 120_000);
