import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { Keyboard } from '../../browser/support/keyboard.ts';

const SOON = { timeout: 90_000 };

interface Account {
  email: string;
  password: string;
}

/** With the keyboard alone: registers, uploads the application in a folder, and sees it run. */
export async function registerAndUpload(page: Page, account: Account, folder: string): Promise<void> {
  const keys = new Keyboard(page);
  await page.goto('/');
  await keys.enter(page.getByRole('link', { name: 'Register' }));
  await keys.write(page.getByLabel('Email'), account.email);
  await keys.write(page.getByLabel('Password'), account.password);
  await keys.enter(page.getByRole('button', { name: 'Register' }));
  await page.getByRole('heading', { name: 'Overview' }).waitFor();

  await goTo(page, keys, 'Computes');
  await keys.enter(page.getByRole('link', { name: 'New compute' }).first());
  await keys.to(page.getByRole('tab', { name: 'From an image' }));
  await keys.press('ArrowRight');
  await keys.expectAt(page.getByRole('tab', { name: 'Upload an application' }));
  const asked = page.waitForEvent('filechooser');
  await keys.enter(page.getByRole('button', { name: 'Choose a folder' }));
  await (await asked).setFiles(folder);
  await keys.expectAt(page.getByRole('button', { name: 'Choose another' }));
  await keys.enter(page.getByRole('button', { name: 'Upload and run' }));
  await page.getByText('Build log').waitFor(SOON);
  const built = page.getByRole('link', { name: 'Open the compute' });
  await built.waitFor(SOON);
  await keys.enter(built);
  await page.getByText('Running', { exact: true }).first().waitFor(SOON);
}

/**
 * With the keyboard alone: signs in, moves the compute to another device, begins a second move and aborts it on its page, reads
 * the log, uses the terminal and leaves it, deletes the compute, changes the theme, and signs out.
 */
export async function moveAndLeave(
  page: Page,
  account: Account,
  { name, to, log }: { name: string; to: string; log: string },
): Promise<void> {
  const keys = new Keyboard(page);
  await page.goto('/');
  await keys.write(page.getByLabel('Email'), account.email);
  await keys.write(page.getByLabel('Password'), account.password);
  await keys.press('Enter');
  await moveByKey(page, keys, name, to);
  await abortMove(page, keys, name);
  await readLog(page, keys, name, log);
  await useTerminal(page, keys);
  await remove(page, keys, name);

  await keys.enter(page.getByRole('button', { name: 'Theme' }), 'Shift+Tab');
  await keys.choose(page.getByRole('menuitem', { name: 'Dark' }));
  await expect.poll(() => page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
  await keys.expectAt(page.getByRole('button', { name: 'Theme' }));
  await keys.enter(page.getByRole('button', { name: 'Account' }));
  await keys.choose(page.getByRole('menuitem', { name: 'Sign out' }));
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
}

const goTo = (page: Page, keys: Keyboard, place: string) =>
  keys.enter(
    page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: place, exact: true }),
    'Shift+Tab',
  );
const chipOf = (page: Page, name: string) => page.locator('[data-compute]', { hasText: name });

async function moveByKey(page: Page, keys: Keyboard, name: string, to: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await keys.to(chipOf(page, name));
  await keys.press('m');
  await keys.to(dialog.getByRole('radio', { checked: true }));
  await dialog.getByText('Over the link').waitFor(SOON);
  await keys.enter(dialog.getByRole('button', { name: 'Move', exact: true }));
  await page.getByText(`${name} is on ${to} now.`).waitFor(SOON);
  const there = page.locator('[data-device]', { has: page.getByRole('link', { name: to, exact: true }) });
  // The focus went with it.
  await keys.expectAt(there.locator('[data-compute]', { hasText: name }));
}

async function abortMove(page: Page, keys: Keyboard, name: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await keys.press('m');
  await keys.enter(dialog.getByText('More options'));
  await keys.write(dialog.getByLabel('Bandwidth limit, Mbit/s'), '1');
  await keys.press('Enter');
  await keys.expectAt(chipOf(page, name));
  await chipOf(page, name).getByText('Copying memory').waitFor(SOON);
  await keys.press('Enter');
  await keys.choose(page.getByRole('menuitem', { name: 'Show the move' }));
  await keys.enter(page.getByRole('button', { name: 'Abort', exact: true }));
  await keys.enter(dialog.getByRole('button', { name: 'Abort the move' }));
  await page.getByText('Aborted', { exact: true }).first().waitFor(SOON);
}

async function readLog(page: Page, keys: Keyboard, name: string, log: string): Promise<void> {
  await keys.enter(page.getByRole('main').getByRole('link', { name, exact: true }));
  await keys.to(page.getByRole('tab', { name: 'Overview' }));
  await keys.press('ArrowRight');
  const lines = page.getByRole('region', { name: `Log of ${name}` });
  await lines.getByText(log).first().waitFor(SOON);
  await keys.to(lines.locator('[tabindex="0"]'));
}

async function useTerminal(page: Page, keys: Keyboard): Promise<void> {
  await keys.to(page.getByRole('tab', { name: 'Log' }), 'Shift+Tab');
  await keys.press('ArrowRight');
  const connect = page.getByRole('button', { name: 'Connect', exact: true });
  const terminal = page.getByRole('textbox', { name: /^Terminal of / });
  await connect.and(page.locator(':enabled')).waitFor(SOON);
  await keys.write(page.getByLabel('Command', { exact: true }), 'node');
  await keys.press('Enter');
  await keys.expectAt(terminal);
  await page.getByText('leaves the terminal').waitFor();
  await keys.type('console.log(6*7)');
  // Tab is the program's: it does not lead out.
  await keys.press('Tab');
  await keys.expectAt(terminal);
  await keys.press('Enter');
  await page.locator('.xterm-rows').getByText('42', { exact: true }).waitFor(SOON);
  await keys.press('Shift+F6');
  await keys.expectAt(page.getByRole('button', { name: 'Disconnect' }));
  await keys.press('Enter');
  await keys.expectAt(connect);
}

async function remove(page: Page, keys: Keyboard, name: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await keys.enter(page.getByRole('button', { name: `Actions of ${name}` }), 'Shift+Tab');
  await keys.choose(page.getByRole('menuitem', { name: 'Delete' }));
  await keys.write(dialog.getByLabel(/to confirm/), name);
  await keys.press('Enter');
  await page.getByRole('heading', { name: 'Computes', level: 1 }).waitFor();
  await page.getByRole('link', { name, exact: true }).waitFor({ state: 'detached', ...SOON });
}
