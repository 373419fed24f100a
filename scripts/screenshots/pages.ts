import type { Page } from 'playwright-core';
import type { Scene } from './scene.ts';

export interface Picture {
  /** Of the file. */
  name: string;
  path: string;
  /** As somebody sees it who has not signed in. */
  signedOut?: boolean;
  /** What a person does before it looks so. */
  prepare?: (page: Page) => Promise<void>;
}

/** Every page of the dashboard, with something on it. */
export function pagesOf(scene: Scene): Picture[] {
  const { compute, device, migration, failedMigration, evacuation, full } = scene;
  return [
    { name: 'sign-in', path: '/sign-in', signedOut: true },
    { name: 'register', path: '/register', signedOut: true },
    { name: 'overview', path: '/' },
    { name: 'devices', path: '/devices' },
    { name: 'device', path: `/devices/${device}` },
    { name: 'computes', path: '/computes' },
    { name: 'compute-new', path: '/computes/new' },
    { name: 'compute', path: `/computes/${compute}` },
    { name: 'images', path: '/images' },
    { name: 'applications', path: '/apps' },
    { name: 'migrations', path: '/migrations' },
    { name: 'migration', path: `/migrations/${migration}` },
    { name: 'migration-rolled-back', path: `/migrations/${failedMigration}` },
    { name: 'evacuations', path: '/evacuations' },
    { name: 'evacuation', path: `/evacuations/${evacuation}` },
    { name: 'evacuation-plan', path: `/devices/${full}`, prepare: askForPlan },
    { name: 'activity', path: '/activity' },
    { name: 'settings-profile', path: '/settings/profile' },
    { name: 'settings-tokens', path: '/settings/tokens' },
    { name: 'settings-members', path: '/settings/members' },
    { name: 'settings-tenants', path: '/settings/tenants' },
    { name: 'settings-quotas', path: '/settings/quotas' },
    { name: 'settings-registries', path: '/settings/registries' },
    { name: 'settings-webhooks', path: '/settings/webhooks' },
    { name: 'not-found', path: '/no/such/page' },
  ];
}

async function askForPlan(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Evacuate', exact: true }).click();
  await page.getByRole('dialog').getByRole('table', { name: 'Plan' }).waitFor();
}
