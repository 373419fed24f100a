import { beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD } from '../integration/support/people.ts';
import { expectAccessible } from './support/accessible.ts';
import { DESKTOP, PHONE, type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();

let opened: TestPage;
beforeEach(async () => {
  opened = await browser.open({ url: dashboard.url });
});

describe('somebody', () => {
  it('registers, comes to the overview, signs out, and signs in again', async () => {
    const { page } = opened;
    await page.goto('/devices');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByRole('link', { name: 'Register' }).click();
    await page.getByRole('heading', { name: 'Register' }).waitFor();
    await expectAccessible(page);
    await page.getByLabel('Email').fill('anna@example.org');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await page.title()).toBe('Overview · Drayage');
    await expectAccessible(page);

    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await expectAccessible(page);
    await page.getByLabel('Email').fill('anna@example.org');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  it('comes to where they wanted to be before they signed in', async () => {
    const { page, context } = opened;
    await signUp(opened, 'anna');
    await context.clearCookies();
    await page.goto('/images');
    await page.getByLabel('Email').fill('anna@example.org');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Images' }).waitFor();
  });

  it('is told why they may not come in, and what helps', async () => {
    const { page, faults } = opened;
    faults.allow(/^401 .*\/auth\/sign-in$/);
    await page.goto('/sign-in');
    await page.getByLabel('Email').fill('anna@example.org');
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('Email or password is wrong.').waitFor();
    await expectAccessible(page);
  });

  it('chooses a theme, which is there after a reload', async () => {
    const { page } = opened;
    await signUp(opened, 'anna');
    await page.goto('/');
    await page.getByRole('button', { name: 'Theme' }).click();
    await page.getByRole('menuitem', { name: 'Dark' }).click();
    await page.reload();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
  });
});

/** Without anything on them; the tests of each look at them with something. */
const PAGES = [
  ['/', 'Overview'],
  ['/devices', 'Devices'],
  ['/computes', 'Computes'],
  ['/computes/new', 'Create a compute'],
  ['/computes/new?from=application', 'Create a compute'],
  ['/volumes', 'Volumes'],
  ['/images', 'Images'],
  ['/apps', 'Applications'],
  ['/migrations', 'Migrations'],
  ['/evacuations', 'Evacuations'],
  ['/activity', 'Activity'],
  ['/settings/profile', 'Profile'],
  ['/settings/tokens', 'Tokens'],
  ['/settings/members', 'Members'],
  ['/settings/tenants', 'Tenants'],
  ['/settings/quotas', 'Quotas'],
  ['/settings/groups', 'Groups'],
  ['/settings/registries', 'Registries'],
  ['/settings/webhooks', 'Webhooks'],
  ['/no/such/page', 'Page not found'],
] as const;

describe('every page', () => {
  it.each([DESKTOP, PHONE])(
    'can be read by all, and fits on a screen of $width px',
    async (viewport) => {
      opened = await browser.open({ url: dashboard.url, viewport });
      const { page } = opened;
      await signUp(opened, 'anna');
      for (const [path, title] of PAGES) {
        await page.goto(path);
        await page.getByRole('heading', { level: 1, name: title }).waitFor();
        await page.getByText('Loading').first().waitFor({ state: 'detached' });
        // What is wrong on one screen is wrong on the other, but for what does not fit.
        if (viewport === DESKTOP) await expectAccessible(page);
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        expect(wide, path).toBeLessThanOrEqual(0);
      }
    },
    120_000,
  );
});
