import { beforeEach, describe, expect, it } from 'vitest';
import { setComputeState } from '../../db/computes.ts';
import { makeCompute, makeDevice } from '../integration/support/fixtures.ts';
import { type TestPage, useBrowser } from './support/browser.ts';
import { useDashboard } from './support/dashboard.ts';
import { signInAsOperator, signUp } from './support/signedIn.ts';

const dashboard = useDashboard();
const browser = useBrowser();

let opened: TestPage;
beforeEach(async () => {
  opened = await browser.open({ url: dashboard.url });
});

describe('what is shown', () => {
  it('is what there is, without a reload: what is new, what has changed, what is another tenant’s', async () => {
    const { page } = opened;
    const { db } = dashboard;
    const { tenantId } = await signUp(opened, 'anna');
    const deviceId = (await makeDevice(db)).id;
    await page.goto('/computes');
    await page.getByText('No computes yet').waitFor();

    const compute = await makeCompute(db, { tenantId, deviceId, name: 'web' });
    const other = await makeCompute(db, { deviceId, name: 'hidden' });
    const row = page.getByRole('row').filter({ hasText: 'web' });
    await row.getByText('Running').waitFor();
    await setComputeState(db, other.id, 'stopped');
    await setComputeState(db, compute.id, 'stopped');
    await row.getByText('Stopped').waitFor();
    expect(await page.getByText('hidden').count()).toBe(0);
  });

  it('is so again after the control plane was away, and the page says while it is', async () => {
    const { page, faults } = opened;
    const { db } = dashboard;
    faults.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET/);
    const { tenantId } = await signUp(opened, 'anna');
    const compute = await makeCompute(db, { tenantId, name: 'web' });
    await page.goto('/computes');
    const row = page.getByRole('row').filter({ hasText: 'web' });
    await row.getByText('Running').waitFor();
    await dashboard.restart(async () => {
      await page.getByText('Connecting again.').waitFor();
      await setComputeState(db, compute.id, 'stopped');
    });
    await row.getByText('Stopped').waitFor();
    await page.getByText('Connecting again.').waitFor({ state: 'detached' });
  });

  it('is of the tenant that is chosen', async () => {
    const { page } = opened;
    const { db } = dashboard;
    const visitor = await browser.open({ url: dashboard.url });
    const { tenantId } = await signUp(visitor, 'anna');
    await makeCompute(db, { tenantId, name: 'of-anna' });
    await makeCompute(db, { name: 'of-the-operator' });
    await signInAsOperator(opened);
    await page.goto('/computes');
    await page.getByText('of-the-operator').waitFor();
    await page.getByRole('button', { name: 'Tenant' }).click();
    await page.getByRole('menuitem', { name: 'anna' }).click();
    await page.getByText('of-anna').waitFor();
    expect(await page.getByText('of-the-operator').count()).toBe(0);
  });
});
