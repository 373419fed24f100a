import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeApp, makeCompute, makeDevice, makeImage } from '../integration/support/fixtures.ts';
import { expectAccessible } from './support/accessible.ts';
import { PHONE, type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { Keyboard } from './support/keyboard.ts';
import { signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();
const ESC = '\x1b';
/** Runs in the page: the colour of a word in the terminal. */
const RED = `getComputedStyle([...document.querySelectorAll('.xterm-rows span')].find(({ textContent }) => textContent === 'red')).color`;

let opened: TestPage;
let tenantId: string;
beforeEach(async () => {
  opened = await browser.open({ url: dashboard.url });
  ({ tenantId } = await signUp(opened, 'anna'));
});

/** Two computes on two devices, and what they are made of. */
async function makeThings() {
  const device = await makeDevice(dashboard.db, { name: 'node-a' });
  const other = await makeDevice(dashboard.db, { name: 'node-b' });
  const web = await makeCompute(dashboard.db, {
    ...{ name: 'web', tenantId, deviceId: device.id },
    ports: [{ protocol: 'tcp', host: 18_080, compute: 8080 }],
    spec: { labels: { tier: 'front' }, env: { SECRET: 'hunter2' }, memoryBytes: 2 ** 28, cpus: 0.5 },
  });
  const db = await makeCompute(dashboard.db, { name: 'db', tenantId, deviceId: other.id });
  const image = await makeImage(dashboard.db, 'shop/web:1.2', tenantId);
  const app = await makeApp(dashboard.db, tenantId, device.id);
  return { device, web, db, image, app };
}

/** Answers a compute's log with these lines, and goes on with nothing: there is no device behind it. */
async function answerLog(lines: readonly string[]) {
  const body = lines.map((line, at) => {
    const time = `2026-05-05T12:00:${String(at % 60).padStart(2, '0')}.000000001Z`;
    return JSON.stringify({ time, stream: at % 2 === 0 ? 'stdout' : 'stderr', data: base64(`${line}\n`) });
  });
  body.push(JSON.stringify({ end: 'The compute is stopped.' }));
  await opened.page.route('**/api/v1/computes/*/logs?*', (route) =>
    route.fulfill({ contentType: 'application/x-ndjson', body: `${body.join('\n')}\n` }),
  );
}
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the list of computes', () => {
  it('is filtered by what is in the address, and says what is left out', async () => {
    const { page } = opened;
    await makeThings();
    await page.goto('/computes?text=node-b');
    await page.getByText('1 of 2').waitFor();
    expect(await page.getByRole('row').allInnerTexts()).toHaveLength(2);
    await page.getByLabel('Filter computes').fill('');
    await page.getByLabel('Label', { exact: true }).fill('tier=front');
    await page.getByRole('link', { name: 'web', exact: true }).waitFor();
    await page.getByText('1 of 2').waitFor();
    expect(new URL(page.url()).search).toBe('?label=tier%3Dfront');
    await page.getByLabel('State').selectOption('Stopped');
    await page.getByText('No compute is like that').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await page.getByText('2 computes').waitFor();
  });

  it('deletes only what was named', async () => {
    const { page } = opened;
    const { web } = await makeThings();
    let deleted = '';
    await page.route('**/api/v1/computes/*', (route) => {
      if (route.request().method() !== 'DELETE') return route.continue();
      deleted = new URL(route.request().url()).pathname;
      return route.fulfill({ status: 202, json: { id: web.id, workflowId: web.id, runId: 'r' } });
    });
    await page.goto('/computes');
    await page.getByRole('button', { name: 'Actions of web' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('button', { name: 'Delete' }).isDisabled()).toBe(true);
    await dialog.getByLabel('Type “web” to confirm').fill('web');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('web is being deleted.').waitFor();
    expect(deleted).toBe(`/api/v1/computes/${web.id}`);
  });
});

describe('a compute is created', () => {
  it('once all is right, which is said as one types; a refusal is said at its field', async () => {
    const { page, faults } = opened;
    await makeThings();
    await page.goto('/computes/new');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText('Choose an image.').waitFor();
    expect(await page.evaluate<string | null>("document.activeElement?.getAttribute('aria-invalid')")).toBe(
      'true',
    );
    await page.getByLabel('Name', { exact: true }).fill('Web');
    await page.getByText('Must be lower-case letters').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('web');
    await page.getByRole('combobox', { name: 'Image' }).click();
    await page.keyboard.type('shop');
    await page.getByRole('option', { name: /shop\/web:1\.2/ }).click();
    await expect.poll(() => page.getByRole('combobox', { name: 'Image' }).inputValue()).toBe('shop/web:1.2');
    await page.getByRole('button', { name: 'Add a port' }).click();
    await page.getByLabel('Device port').fill('80');
    await page.getByText('At least 1024.').waitFor();
    await page.getByLabel('Device port').fill('18081');
    await page.getByLabel('Compute port').fill('8080');
    faults.allow(/^409 .*\/computes$/);
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page
      .locator('[aria-invalid]')
      .and(page.getByLabel('Name', { exact: true }))
      .waitFor();
    await page.getByText('Another compute is called web.').waitFor();
    // At the end: it takes its time, in which the devices, of which nothing is heard, would become unreachable.
    await expectAccessible(page);
  });

  it('of a folder, whose manifest is looked at before it is sent', async () => {
    const { page } = opened;
    const { app } = await makeThings();
    const folder = await mkdtemp(join(tmpdir(), 'drayage-app-'));
    try {
      const shop = join(folder, 'shop');
      await mkdir(shop);
      await writeFile(join(shop, 'server.js'), '// nothing');
      await page.goto('/computes/new?from=application');
      await page.getByLabel('Folder', { exact: true }).setInputFiles(shop);
      await page.getByText('The archive has no drayage.json at its root.').waitFor();
      await writeFile(join(shop, 'drayage.json'), '{"start": ["node", "server.js"], "runtime": "node"}');
      await page.getByLabel('Folder', { exact: true }).setInputFiles(shop);
      await page.getByText('node server.js').waitFor();
      expect(await page.getByLabel('Name').inputValue()).toBe('shop');
      await expectAccessible(page);
      let asked = '';
      await page.route('**/api/v1/apps?*', (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        asked = new URL(route.request().url()).search;
        return route.fulfill({ status: 202, json: { id: app.id, workflowId: app.id, runId: 'r' } });
      });
      await page.getByRole('button', { name: 'Upload and run' }).click();
      await page.getByRole('heading', { level: 1, name: app.name }).waitFor();
      expect(asked).toBe('?name=shop');
      await page.getByText('Queued').first().waitFor();
      await expectAccessible(page);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a compute', () => {
  it('shows its values only when asked', async () => {
    const { page } = opened;
    const { web } = await makeThings();
    await page.goto(`/computes/${web.id}`);
    await page.getByText('SECRET').waitFor();
    expect(await page.getByText('hunter2').count()).toBe(0);
    await page.getByRole('button', { name: 'Show values' }).click();
    await page.getByText('hunter2').waitFor();
    expect(await page.getByRole('link', { name: 'Open http://127.0.0.1:18080' }).count()).toBe(1);
    await expectAccessible(page);
  });

  it('shows its log: colours, no other escapes, markup as text; found by words', async () => {
    const { page } = opened;
    const { web } = await makeThings();
    const many = Array.from({ length: 500 }, (_, at) => `line ${String(at)}`);
    await answerLog([
      ...many,
      `${ESC}[31mred${ESC}[0m${ESC}]0;title\x07${ESC}[2J`,
      '<img src=x onerror=alert(1)>',
    ]);
    await page.goto(`/computes/${web.id}?tab=log`);
    const log = page.getByRole('region', { name: 'Log of web' });
    await log.getByText('<img src=x onerror=alert(1)>').waitFor();
    expect(await log.getByText('red', { exact: true }).getAttribute('class')).toContain('fg1');
    // Only what is seen is made.
    expect(await log.locator('.line').count()).toBeLessThan(200);
    await expectAccessible(page);
    await page.getByLabel('Find in the log').fill('line 42');
    // 42, 142, …, 442, and 420 to 429.
    await expect.poll(() => log.locator('.line').allInnerTexts(), { timeout: 15_000 }).toHaveLength(15);
    await page.getByText('Ended: The compute is stopped.').waitFor();
  });

  it('has a terminal, which says why its session has ended', async () => {
    const { page } = opened;
    const { web } = await makeThings();
    const typed: string[] = [];
    await page.routeWebSocket(/\/exec/, (socket) => {
      socket.onMessage((message) => {
        if (typeof message === 'string' && message.includes('command'))
          socket.send(
            Buffer.concat([Buffer.of(1), Buffer.from(`hello ${ESC}[38;2;255;0;0mred${ESC}[0m\r\n`)]),
          );
        if (typeof message === 'string') return;
        typed.push(message.subarray(1).toString());
        const cause = { code: 'sessionEnded', message: 'The compute is being moved.', mend: 'Run it again.' };
        if (typed.join('') === 'ls') {
          socket.send(JSON.stringify({ error: cause }));
          void socket.close({ code: 1012 });
        }
      });
    });
    await page.goto(`/computes/${web.id}?tab=terminal`);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.locator('.xterm-rows').getByText('hello').waitFor();
    // As red as can be read on this background.
    expect(await page.evaluate(RED)).toMatch(/^rgb\((1\d\d|2\d\d), 0, 0\)$/);
    await page.keyboard.type('ls');
    await page.getByText('The compute is being moved.').waitFor();
    await page.getByRole('button', { name: 'Connect again' }).waitFor();
    await expectAccessible(page);
  });

  it('has a terminal that takes Tab while a program runs, and that a key leads out of', async () => {
    const { page } = opened;
    const keys = new Keyboard(page);
    const { web } = await makeThings();
    let sessions = 0;
    const typed: string[] = [];
    await page.routeWebSocket(/\/exec/, (socket) => {
      sessions += 1;
      socket.onMessage((message) => {
        if (typeof message !== 'string') typed.push(message.subarray(1).toString());
      });
    });
    await page.goto(`/computes/${web.id}?tab=terminal`);
    const connect = page.getByRole('button', { name: 'Connect', exact: true });
    const terminal = page.getByRole('textbox', { name: 'Terminal of web' });
    await connect.click();
    await keys.expectAt(terminal);
    await keys.press('Tab');
    await expect.poll(() => typed.join('')).toBe('\t');
    await keys.expectAt(terminal);
    await keys.press('Shift+F6');
    await keys.expectAt(page.getByRole('button', { name: 'Disconnect' }));
    await keys.press('Enter');
    await keys.expectAt(connect);
    await keys.to(terminal);
    await keys.to(page.getByRole('link', { name: 'Skip to the content' }));
    expect(sessions).toBe(1);
    expect(typed).toEqual(['\t']);
  });
});

describe('an image', () => {
  it('is uploaded in parts, and refused with the reason', async () => {
    const { page, faults } = opened;
    faults.allow(/^4\d\d .*\/finish$/);
    await page.goto('/images');
    await page.getByRole('button', { name: 'Upload an archive' }).first().click();
    await page.getByLabel('File', { exact: true }).setInputFiles({
      name: 'Sample.tar',
      mimeType: 'application/x-tar',
      buffer: Buffer.alloc(20 * 2 ** 20, 'no tar at all'),
    });
    expect(await page.getByLabel('Name').inputValue()).toBe('sample');
    await expectAccessible(page);
    const parts: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'PATCH') parts.push(request.headers()['upload-offset'] ?? '');
    });
    await page.getByRole('button', { name: 'Upload', exact: true }).click();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    expect(parts).toEqual(['0', String(16 * 2 ** 20)]);
    await page.getByRole('button', { name: 'Cancel the upload of sample' }).click();
    await page.getByRole('button', { name: 'Try again' }).waitFor({ state: 'detached' });
  });
});

it.each([undefined, PHONE])(
  'all pages of computes can be read by all, on a screen of %o',
  async (viewport) => {
    if (viewport) await opened.page.setViewportSize(viewport);
    const { page } = opened;
    const { web, image, app } = await makeThings();
    await answerLog(['a line', 'x'.repeat(400)]);
    const pages = [
      '/computes',
      ...['', '?tab=log', '?tab=terminal', '?tab=files', '?tab=moves'].map(
        (tab) => `/computes/${web.id}${tab}`,
      ),
      ...['/computes/new', '/computes/new?from=application', '/images', `/images/${image.id}`],
      ...['/apps', `/apps/${app.id}`, '/volumes'],
    ];
    for (const path of pages) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.getByText('Loading').first().waitFor({ state: 'detached' });
      await expectAccessible(page);
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      expect(wide, path).toBeLessThanOrEqual(0);
    }
  },
  240_000,
);
