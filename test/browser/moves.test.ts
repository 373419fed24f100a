import { beforeEach, describe, expect, it } from 'vitest';
import { deviceTaskQueue } from '../../core/device.ts';
import { setProgress } from '../../db/migrationMemory.ts';
import { expectAccessible } from './support/accessible.ts';
import { PHONE, type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { askForMove, endMove, enter, recordCopy, recordRetry } from './support/moveScene.ts';
import { signInAsOperator, signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();

let opened: TestPage;
let tenantId: string;
beforeEach(async () => {
  opened = await browser.open({ url: dashboard.url });
  ({ tenantId } = await signUp(opened, 'anna'));
});

/** A move that succeeded after a step that had to be done twice. */
async function succeeded() {
  const asked = await askForMove(dashboard.db, tenantId);
  await recordCopy(dashboard.db, asked.move);
  await recordRetry(dashboard.db, asked.move, deviceTaskQueue(asked.source.id));
  await endMove(dashboard.db, asked.move);
  return asked;
}

const overflow = () => opened.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');

describe('the page of a move', () => {
  it('explains it: figures, phases, rounds with their reasons, what had to be tried again', async () => {
    const { move } = await succeeded();
    const { page } = opened;
    await page.goto(`/migrations/${move}`);
    await page.getByRole('heading', { name: 'Move of web' }).waitFor();
    await page.getByText('Moved; clients kept their connections.').first().waitFor();
    await page.getByText('97.1 ms', { exact: true }).first().waitFor();
    await page.getByText('of 262 MiB of memory').waitFor();
    await page.getByText('at most 300 ms frozen').waitFor();

    const restore = page.getByRole('img', { name: /^Restore: begins at 6\.1 s, for 41\.1 ms$/ });
    await restore.focus();
    await page.getByText(/^Restore: .*Makes its processes on the target/).waitFor();
    await page.getByRole('group', { name: 'The hot window' }).getByText('Frozen 97.1 ms').waitFor();

    await page.getByText('Round 4').first().waitFor();
    await page.getByText('closing', { exact: true }).first().waitFor();
    await page.getByText('Another round.').first().waitFor();
    await page.getByText('256 MiB', { exact: true }).first().waitFor();
    await page.getByRole('radio', { name: 'Pages' }).check({ force: true });
    await page.getByText('65,536').first().waitFor();
    await page.getByText('given as little as 70 % of its processor time').waitFor();
    await page.getByText('The kernel marks pages that were written to.').waitFor();

    const retries = page.getByRole('table', { name: 'Steps that failed or were tried again' });
    await retries.getByText('edge-b did not take the connection.').waitFor();
    expect(await retries.getByRole('cell', { name: '2' }).count()).toBeGreaterThan(0);
    expect(await page.getByRole('button', { name: 'Abort' }).count()).toBe(0);

    await page.getByText('The phases as a table').click();
    const phases = page.getByRole('table', { name: 'Phases' });
    await phases.getByRole('row', { name: /Hand over \(hot window\).*7\.9 ms/ }).waitFor();
    await page.getByText('All figures as a table').click();
    await expectAccessible(page);
  });

  it('is live: state, progress and end come without a reload', async () => {
    const { move, source } = await askForMove(dashboard.db, tenantId);
    const { page } = opened;
    await page.goto(`/migrations/${move}`);
    await page.getByText('Pending', { exact: true }).waitFor();
    await enter(dashboard.db, move, 'precopying', 'Copying memory while the compute runs, round 1.');
    await page.getByText('Copying memory', { exact: true }).waitFor();
    await page.getByRole('img', { name: /^Pre-copy: .* by now$/ }).waitFor();
    await setProgress(dashboard.db, move, source.id, {
      ...{ round: 1, pages: 10_000, bytes: 40_960_000, wireBytes: 20_000_000 },
      ...{ bytesPerSecond: 41_943_040, expectedFreezeMs: 640 },
    });
    await page.getByText(/Round 1 is under way: 39\.1 MiB copied at 40 MiB\/s\./).waitFor();
    await expectAccessible(page);
    await recordCopy(dashboard.db, move);
    await endMove(dashboard.db, move);
    await page.getByText('Succeeded', { exact: true }).waitFor();
    await page.getByText('97.1 ms', { exact: true }).first().waitFor();
  });

  it('is stopped by its button, after it was asked whether', async () => {
    const { move } = await askForMove(dashboard.db, tenantId);
    const { page } = opened;
    await page.goto(`/migrations/${move}`);
    await page.getByRole('button', { name: 'Abort' }).click();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Abort the move' }).click();
    await page.getByText('Aborted', { exact: true }).waitFor();
    await page.getByText('It was aborted before it had started.').first().waitFor();
    expect(await page.getByRole('button', { name: 'Abort' }).count()).toBe(0);
  });

  it('says why a move was refused, and what helps', async () => {
    const { move } = await askForMove(dashboard.db, tenantId);
    const causes = [{ code: 'cpu', message: 'edge-b lacks avx2.', mend: 'Move it to a device that has it.' }];
    await endMove(dashboard.db, move, { state: 'refused', reason: 'edge-b lacks avx2.', causes });
    await recordRetry(dashboard.db, move, 'control');
    const { page } = opened;
    await page.goto(`/migrations/${move}`);
    await page.getByRole('alert').getByText('Move it to a device that has it.').waitFor();
    await expectAccessible(page);
  });

  it('is not there for another tenant', async () => {
    const { move } = await succeeded();
    const other = await browser.open({ url: dashboard.url });
    await signUp(other, 'bert');
    other.faults.allow(/^404 /);
    await other.page.goto(`/migrations/${move}`);
    await other.page.getByText('No such move').waitFor();
  });
});

describe('the list of moves', () => {
  it('is filtered by what stands in the address, live, with how they went on top', async () => {
    await succeeded();
    const { page } = opened;
    await page.goto('/migrations?state=failed');
    await page.getByText('No moves are like that').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByRole('link', { name: 'web' }).waitFor();
    await page.getByText('Succeeded: 1 (100 %)').waitFor();
    await page.getByLabel('State').selectOption('Under way');
    await page.waitForURL(/state=running/);
    const { move } = await askForMove(dashboard.db, tenantId, 'api', 'core');
    await page.getByRole('table').getByText('Pending').waitFor();
    await enter(dashboard.db, move, 'aborted', 'Stopped on request.');
    await page.getByText('No moves are like that').waitFor();
    await page.getByText('Aborted: 1 (50 %)').waitFor();
    await expectAccessible(page);
  });

  it('has the moves of all tenants for the operator, live', async () => {
    const operator = await browser.open({ url: dashboard.url });
    await signInAsOperator(operator);
    const { page } = operator;
    await page.goto('/migrations');
    await page.getByText('No moves yet').waitFor();
    await page.getByLabel('All tenants').check();
    await page.waitForURL(/all=true/);
    const { move } = await succeeded();
    await page.getByRole('row', { name: /web anna edge-a → edge-b Succeeded/ }).waitFor();
    await page.getByText('Succeeded: 1 (100 %)').waitFor();
    await page.getByRole('link', { name: 'web' }).click();
    await page.waitForURL(`**/migrations/${move}`);
    await page.getByRole('heading', { name: 'Move of web' }).waitFor();
  });
});

describe('activity', () => {
  it('keeps what happens for a button, and is filtered by kind and by what it is about', async () => {
    const { move, compute } = await succeeded();
    const { page } = opened;
    await page.goto('/activity');
    await page.getByText('The move was asked for.').first().waitFor();
    await enter(
      dashboard.db,
      (await askForMove(dashboard.db, tenantId, 'api', 'core')).move,
      'aborted',
      'On request.',
    );
    const ended = page.getByText('On request.', { exact: true });
    // Nothing appears by itself; what comes after the press waits for the next one.
    expect(await ended.count()).toBe(0);
    while ((await ended.count()) === 0)
      await page.getByRole('button', { name: /^Show \d+ new event/ }).click();
    await page.getByLabel('Kind').selectOption('Moves');
    await page.waitForURL(/kind=migration/);
    await page.getByText('device.joined').first().waitFor({ state: 'detached' });
    await page
      .getByRole('button', { name: `Only this: what happened to ${move}` })
      .first()
      .click();
    await page.getByText('On request.', { exact: true }).waitFor({ state: 'detached' });
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Open: The move was asked for.' }).click();
    await page.waitForURL(`**/migrations/${move}`);
    await page.goto(`/activity?subject=${compute.id}`);
    await page.getByText('compute.running').first().waitFor();
  });

  it('has the audit for owners, with what was refused', async () => {
    const { page, context } = opened;
    await context.request.post('/api/v1/groups', {
      data: { name: 'NOT A NAME' },
      headers: { origin: dashboard.url },
    });
    await page.goto('/activity?tab=audit');
    const row = page.getByRole('row', { name: /groups.*anna@example\.org.*Refused/ });
    await row.first().waitFor();
    await expectAccessible(page);
  });
});

describe('on a phone', () => {
  it('nothing is wider than the screen', async () => {
    const { move } = await succeeded();
    await opened.page.setViewportSize(PHONE);
    for (const [path, words] of [
      [`/migrations/${move}`, 'Moved; clients kept their connections.'],
      ['/migrations', 'Succeeded: 1 (100 %)'],
      ['/activity', 'The move was asked for.'],
      ['/activity?tab=audit', 'Read again'],
      ['/evacuations', "Evacuations are the operator's"],
    ] as const) {
      await opened.page.goto(path);
      await opened.page.getByText(words).first().waitFor();
      expect(await overflow(), path).toBeLessThanOrEqual(0);
      await expectAccessible(opened.page);
    }
  }, 180_000);
});
