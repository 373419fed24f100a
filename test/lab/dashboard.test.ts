import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listOf } from '../../core/api/common.ts';
import { computeSchema } from '../../core/api/computes.ts';
import { imageSchema } from '../../core/api/images.ts';
import { migrationSchema } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import { signInBrowser } from '../../lab/chromium.ts';
import { apiUrl, readAdmin } from '../../lab/control.ts';
import { apiWithToken, type ControlApi } from '../../lab/controlApi.ts';
import { removeCompute } from '../../lab/demo/sampleCompute.ts';
import { makeProgress } from '../../lab/progress.ts';
import { RUNTIME_BASES } from '../../lab/programs/runtimeBases.ts';
import { setBases } from '../../lab/setBases.ts';
import { formatDuration } from '../../web/lib/format/numbers.ts';
import { PASSWORD } from '../integration/support/people.ts';
import { type TestPage, useBrowser } from '../browser/support/browser.ts';
import { signUp } from '../browser/support/signedIn.ts';
import { LabFaults } from './labFaults.ts';
import { moveAndLeave, registerAndUpload } from './support/keyboardStory.ts';
import { LineProgram } from './support/lineProgram.ts';
import { withLab } from './support.ts';

/** The bases are built where the cache has none: of some hundred megabytes of packages. */
const SETUP_MS = 900_000;
const LONG_MS = 300_000;
const SOON = { timeout: 90_000 };
const EMAIL = 'dash@example.org';
const ACCOUNT = { email: EMAIL, password: PASSWORD };
const NAME = 'counter';

/** Answers each request with how many there were. */
const APP = {
  'drayage.json': JSON.stringify({
    ...{ runtime: 'node', start: ['node', 'server.js'], ports: [{ compute: 8080 }], memory: '192m' },
  }),
  'server.js': `
    let count = 0;
    require('node:http').createServer((_request, response) => response.end(String(++count)))
      .listen(8080, () => console.log('listening'));
    process.on('SIGTERM', () => process.exit());`,
};

/** Asks on one connection, one question after the other, until it is told to end; then says what came of it. */
const CLIENT = `
  const http = require('node:http');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set();
  let asked = 0, wrong = 0, ended = false;
  process.stdin.once('data', () => (ended = true));
  const ask = () => {
    if (ended) return console.log(JSON.stringify({ asked, wrong, connections: sockets.size }));
    const request = http.get({ host: process.argv[1], port: 8080, agent }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => { if (text !== String(++asked)) wrong += 1; setTimeout(ask, 5); });
    });
    request.on('socket', (socket) => sockets.add(socket));
    request.on('error', () => { wrong += 1; setTimeout(ask, 100); });
    if (asked === 0) request.once('response', () => console.log('talking'));
  };
  ask();`;
const talkSchema = z.object({ asked: z.number(), wrong: z.number(), connections: z.number() });

describe('the dashboard of a lab', () => {
  const lab = withLab();
  const browser = useBrowser();
  const faults = new LabFaults(lab);
  let folder = '';
  let tenant: ControlApi | null = null;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drayage-dashboard-'));
    await mkdir(join(folder, NAME));
    for (const [path, text] of Object.entries(APP)) await writeFile(join(folder, NAME, path), text);
    await setBases(
      lab.lab,
      await lab.api(),
      makeProgress((line) => process.stderr.write(`${line}\n`)),
    );
  }, SETUP_MS);
  afterAll(async () => {
    await faults.mend();
    if (tenant !== null) {
      await removeCompute(tenant, NAME).catch(() => undefined);
      const { items } = listOf(imageSchema).parse(await tenant.request('GET', '/images'));
      for (const { id } of items) await tenant.request('DELETE', `/images/${id}`);
    }
    const api = await lab.api();
    for (const [runtime, { name }] of Object.entries(RUNTIME_BASES)) {
      await api.request('DELETE', `/runtimes/${runtime}`);
      await api.request('DELETE', `/images/${name}`);
    }
    await rm(folder, { recursive: true, force: true });
  }, SETUP_MS);

  const compute = async () => {
    if (tenant === null) throw new Error('The tenant registers in the first test.');
    return computeSchema.parse(await tenant.request('GET', `/computes/${NAME}`));
  };
  const newestMove = async () => {
    const { items } = listOf(migrationSchema).parse(await tenant!.request('GET', '/migrations'));
    return items[0]!;
  };
  /** The API as that account, for what the test asks of it itself. */
  async function apiOf(email: string): Promise<ControlApi> {
    const account = { email, password: PASSWORD };
    const signedIn = await (await lab.api()).request('POST', '/auth/sign-in', account);
    return apiWithToken(lab.lab, z.object({ token: z.string() }).parse(signedIn).token);
  }
  const open = () => browser.open({ url: apiUrl(lab.lab) });
  async function openSignedIn(account: { email: string; password: string }): Promise<TestPage> {
    const opened = await open();
    await signInBrowser(opened.context, account);
    return opened;
  }
  const asTenant = () => openSignedIn(ACCOUNT);
  const chip = (page: Page) => page.locator(`[data-compute]`, { hasText: NAME });
  const other = (device: string) => (device === 'd1' ? 'd2' : 'd1');

  /** Presses the chip, takes it to the device's card, and lets go there. */
  async function drag(page: Page, device: string): Promise<void> {
    const card = page.locator('[data-device]', {
      has: page.getByRole('link', { name: device, exact: true }),
    });
    const [from, to] = [await chip(page).boundingBox(), await card.boundingBox()];
    if (from === null || to === null) throw new Error('The chip and the card are on the screen.');
    await chip(page).hover();
    await page.mouse.down();
    await page.mouse.move(from.x + 20, from.y + 20, { steps: 3 });
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 8 });
    await page.mouse.up();
  }

  test(
    'a person registers and uploads an application, with the keyboard alone',
    async () => {
      const { page } = await open();
      await registerAndUpload(page, ACCOUNT, join(folder, NAME));
      tenant = await apiOf(EMAIL);
      expect(await compute()).toMatchObject({ state: 'running' });
    },
    LONG_MS,
  );

  test(
    'a person drags it to another device while a client talks to it',
    async () => {
      const { page } = await asTenant();
      const { ip, device } = await compute();
      const client = new LineProgram(await lab.spawnOnClient([process.execPath, '-e', CLIENT, ip]));
      try {
        expect(await client.next()).toBe('talking');
        await page.goto('/');
        await chip(page).waitFor(SOON);
        await drag(page, other(device.name));
        const dialog = page.getByRole('dialog');
        await dialog.getByText('Over the link').waitFor(SOON);
        await dialog.getByRole('button', { name: 'Move', exact: true }).click();
        await until('the compute to have moved', SOON.timeout, async () => {
          const now = await compute();
          return now.state === 'running' && now.device.name === other(device.name);
        });
        const card = page.locator('[data-device]', {
          has: page.getByRole('link', { name: other(device.name), exact: true }),
        });
        await card.locator('[data-compute]', { hasText: NAME }).waitFor(SOON);
        client.say('end');
        const talk = talkSchema.parse(JSON.parse(await client.next()));
        expect(talk).toMatchObject({ wrong: 0, connections: 1 });
        expect(talk.asked).toBeGreaterThan(50);
      } finally {
        await client.end();
      }
    },
    LONG_MS,
  );

  test(
    "the page of a move has the API's figures",
    async () => {
      const { page } = await asTenant();
      const move = await until('the move to be recorded as a whole', SOON.timeout, async () => {
        const newest = await newestMove();
        return newest.state === 'succeeded' && newest;
      });
      await page.goto(`/migrations/${move.id}`);
      await page.getByRole('heading', { name: `Move of ${NAME}` }).waitFor();
      await page
        .getByText(formatDuration(move.frozenMs ?? -1), { exact: true })
        .first()
        .waitFor();
      await page.getByText('The phases as a table').click();
      const table = page.getByRole('table', { name: 'Phases' });
      await table.waitFor();
      const lengths = await table
        .locator('tbody tr')
        .evaluateAll((rows) => rows.map((row) => (row as unknown as { textContent: string }).textContent));
      expect(lengths).toHaveLength(move.phases.length);
      for (const { name, ms } of move.phases)
        expect(
          lengths.some((text) => text.includes(formatDuration(ms))),
          `${name} ${formatDuration(ms)}`,
        ).toBe(true);
    },
    LONG_MS,
  );

  test(
    'a move that cannot be made says why',
    async () => {
      const { page } = await asTenant();
      const { device } = await compute();
      const dialog = page.getByRole('dialog');
      const api = await lab.api();
      await api.request('POST', `/devices/${other(device.name)}/cordon`);
      try {
        await page.goto('/');
        await chip(page).waitFor(SOON);
        await drag(page, other(device.name));
        await dialog.getByText(`Device ${other(device.name)} is cordoned.`).waitFor();
        expect(await dialog.getByRole('button', { name: 'Move', exact: true }).count()).toBe(0);
      } finally {
        await api.request('POST', `/devices/${other(device.name)}/uncordon`);
      }
    },
    LONG_MS,
  );

  test(
    'a step that failed once is shown with its retry, here and in Temporal',
    async () => {
      const { device } = await compute();
      const target = other(device.name);
      await faults.arm(target, 'target.preparing', 'kill');
      await tenant!.request('POST', `/computes/${NAME}/migrations`, { target });
      await faults.restartKilledWorker(target);
      await faults.release(target, 'target.preparing');
      const move = await until('the move to end', SOON.timeout, async () => {
        const newest = await newestMove();
        return newest.state === 'succeeded' && newest;
      });
      const admin = await readAdmin(lab.lab);
      const { page } = await openSignedIn(admin!);
      await page.goto(`/migrations/${move.id}`);
      const table = page.getByRole('table', { name: 'Steps that failed or were tried again' });
      const row = table.getByRole('row', { name: 'image, network, container' });
      await row.getByText('2', { exact: true }).waitFor();
      await row.getByText('The worker of the target device ended').waitFor();
      const link = await page.getByRole('link', { name: 'Open in Temporal' }).getAttribute('href');
      // Another program's page: its own words on the console are its business.
      const temporal = await page.context().browser()!.newPage();
      try {
        await temporal.goto(link ?? '');
        await temporal.getByText('prepareTarget').first().waitFor(SOON);
      } finally {
        await temporal.close();
      }
    },
    LONG_MS,
  );

  test(
    'another tenant sees nothing of it',
    async () => {
      const opened = await open();
      const { page, faults: seen } = opened;
      await signUp(opened, 'somebody-else');
      seen.allow(/^404 /);
      await page.goto('/');
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.getByText('0 running').or(page.getByText('computes running')).first().waitFor();
      expect(await page.locator('[data-compute]').count()).toBe(0);
      await page.goto(`/migrations/${(await newestMove()).id}`);
      await page.getByText('No such move').waitFor();
      await page.goto(`/computes/${(await compute()).id}`);
      await page.getByText('There is no compute').waitFor();
    },
    LONG_MS,
  );

  test(
    'recovers by itself when the API is killed and comes back',
    async () => {
      const { page, faults: seen } = await asTenant();
      seen.allow(
        /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|^50\d /,
      );
      await page.goto('/');
      await chip(page).waitFor(SOON);
      await faults.killControlParts(['api']);
      await until('the API to be back', SOON.timeout, async () => {
        return (await compute().catch(() => null)) !== null;
      });
      await tenant!.request('POST', `/computes/${NAME}/stop`);
      // Without a reload: the chip says so.
      await chip(page).getByText('Stopped').waitFor(SOON);
      await tenant!.request('POST', `/computes/${NAME}/start`);
      await chip(page)
        .getByText('Stopped')
        .waitFor({ state: 'detached', ...SOON });
    },
    LONG_MS,
  );

  test(
    'a person moves it, aborts a move, reads, works and cleans up, with the keyboard alone',
    async () => {
      const { page, faults: seen } = await open();
      // That it is deleted is found out by reading it.
      seen.allow(/^404 .*\/computes\/cmp_\w+$/);
      const { device } = await compute();
      const to = other(device.name);
      await moveAndLeave(page, ACCOUNT, { name: NAME, to, log: 'listening' });
      expect((await newestMove()).state).toBe('aborted');
      await until('the compute to be gone', SOON.timeout, async () => {
        return (await compute().catch(() => null)) === null;
      });
    },
    LONG_MS,
  );
});
