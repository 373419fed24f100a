import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { evacuationSchema } from '../../core/api/evacuations.ts';
import { FINAL_MIGRATION_STATES, migrationSchema } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import { type ControlApi, controlApi } from '../../lab/controlApi.ts';
import { createFakeComputes, type FakeCompute, importEmptyImage } from '../../lab/fakeFleet.ts';
import { startFake } from '../../lab/fakes.ts';
import { listDevices } from '../../lab/join.ts';
import { allowFakes } from '../../lab/moreFakes.ts';
import type { Progress } from '../../lab/progress.ts';
import type { Lab } from '../../lab/state.ts';

/** What an installation looks like that is in use: what the pictures are of. */
export interface Scene {
  /** Ids, for the addresses of pages. */
  compute: string;
  device: string;
  migration: string;
  failedMigration: string;
  /** Under way, as are its moves. */
  evacuation: string;
  /** Not evacuated, and has computes. */
  full: string;
}

/** A fake device's name in the lab, and what it is called and where it is in the pictures. Every fourth is of the same kind. */
const DEVICES = [
  ['f1', 'gateway-a1', 'Berlin, hall 2', { role: 'gateway' }],
  ['f2', 'panel-a1', 'Berlin, hall 2', { role: 'panel' }],
  ['f5', 'gateway-a2', 'Berlin, hall 2', { role: 'gateway' }],
  ['f9', 'gateway-b1', 'Hamburg, roof', { role: 'gateway' }],
  ['f6', 'panel-b1', 'Hamburg, roof', { role: 'panel' }],
  ['f3', 'server-c1', 'Ulm, cellar', { role: 'server', ups: 'yes' }],
  ['f7', 'server-c2', 'Ulm, cellar', { role: 'server', ups: 'yes' }],
  ['f8', 'display-c1', 'Ulm, cellar', { role: 'panel' }],
] as const;
/** Left to be approved. */
const NEWCOMER = 'gateway-d1';
const FAKES = 9;

const tokenSchema = z.object({ token: z.string() });

const quiet = { FAKE_LOG_MS: '700' };
const compute = (name: string, device: string, more: Partial<FakeCompute> = {}): FakeCompute => ({
  ...{
    name,
    device,
    memoryBytes: 256 * 2 ** 20,
    cpus: 1,
    restartPolicy: { name: 'always', maximumRetries: 0 },
  },
  ...more,
  env: { ...quiet, FAKE_MEMORY_MB: '96', FAKE_DIRTY_MB_PER_S: '6', ...more.env },
});
const COMPUTES = [
  compute('shop', 'gateway-a1', {
    ports: [{ protocol: 'tcp', host: 8080, compute: 80 }],
    volumes: [{ name: 'orders', path: '/srv/orders' }],
    labels: { team: 'retail' },
    env: { FAKE_MEMORY_MB: '384', FAKE_DIRTY_MB_PER_S: '20', FAKE_FREEZE_MS: '110' },
  }),
  compute('shop-cache', 'gateway-a1', { labels: { team: 'retail' } }),
  compute('cameras', 'gateway-a2', { env: { FAKE_MEMORY_MB: '512', FAKE_DIRTY_MB_PER_S: '60' } }),
  compute('door-control', 'gateway-a2', { ports: [{ protocol: 'udp', host: 5683, compute: 5683 }] }),
  compute('archive', 'gateway-a2', { ports: [{ protocol: 'tcp', host: 2022, compute: 22 }] }),
  compute('weather', 'gateway-b1'),
  compute('solar', 'gateway-b1', { env: { FAKE_MOVE: 'rollBack' } }),
  compute('kiosk', 'panel-a1'),
  compute('signage', 'panel-b1'),
  compute('ledger', 'server-c1', { env: { FAKE_MEMORY_MB: '1024', FAKE_DIRTY_MB_PER_S: '12' } }),
  compute('mail', 'server-c1'),
  compute('search', 'server-c2', { env: { FAKE_MEMORY_MB: '768' } }),
  compute('nightly-report', 'server-c2'),
];

/** Fills a lab of fake devices. */
export async function makeScene(lab: Lab, progress: Progress): Promise<Scene> {
  const api = await controlApi(lab);
  await progress.step('joining the devices', () => joinDevices(lab, api));
  const image = await importEmptyImage(lab, api, 'shop/web:2.4');
  await importEmptyImage(lab, api, 'sensors:1.0');
  await api.request('POST', '/groups', { name: 'shop' });
  const [shop = '', ...others] = await progress.step('starting the computes', () =>
    createFakeComputes(api, image.name, COMPUTES),
  );
  for (const name of ['nightly-report', 'archive']) await api.request('POST', `/computes/${name}/stop`);
  const moved = await progress.step('moving some', async () => {
    await move(api, 'weather', 'gateway-a1');
    await move(api, 'ledger', 'server-c2');
    const failed = await move(api, 'solar', 'gateway-a2');
    return { failed, done: await move(api, 'shop', 'gateway-b1') };
  });
  await progress.step('evacuating one', async () => {
    await ended(api, await evacuate(api, 'panel-a1'));
    await api.request('POST', '/devices/panel-a1/uncordon');
  });
  await api.request('POST', '/devices/display-c1/cordon');
  const devices = await listDevices(api);
  const idOf = (device: string) => devices.find(({ name }) => name === device)?.id ?? '';
  if (others.length < 2) throw new Error('The scene has computes.');
  // Metrics are told every ten seconds: the charts have something then.
  await progress.step('letting it run for a while', () => pause(45_000));
  return {
    ...{ compute: shop, migration: moved.done, failedMigration: moved.failed },
    ...{ device: idOf('gateway-b1'), full: idOf('server-c2') },
    // Slow enough to be under way when the pictures are taken.
    evacuation: await evacuate(api, 'gateway-a2', { bandwidthMbit: 60, returnHome: true }),
  };
}

/** Each is expected, and approved when it has come; one is left to be approved. */
async function joinDevices(lab: Lab, api: ControlApi): Promise<void> {
  const grown = await allowFakes(lab, FAKES);
  for (const [fake, name, location, labels] of DEVICES) {
    const { token } = tokenSchema.parse(await api.request('POST', '/devices', { name, location, labels }));
    await startFake(grown, fake, token);
  }
  const { token } = tokenSchema.parse(await api.request('POST', '/devices', { name: NEWCOMER }));
  await startFake(grown, 'f4', token);
  const approved = new Set<string>();
  await until('the devices to be ready', 120_000, async () => {
    const all = await listDevices(api);
    for (const { id, name, state } of all) {
      if (state !== 'pending' || name === NEWCOMER || approved.has(id)) continue;
      approved.add(id);
      await api.request('POST', `/devices/${id}/approve`, {});
    }
    const ready = all.filter(({ state }) => state === 'ready').length === DEVICES.length;
    return ready && all.some(({ name }) => name === NEWCOMER);
  });
}

/** Resolves with the move's id, once it has ended. */
async function move(api: ControlApi, name: string, target: string): Promise<string> {
  const { id } = z
    .object({ id: z.string() })
    .parse(await api.request('POST', `/computes/${name}/migrations`, { target }));
  await until(`${name} to have moved`, 120_000, async () => {
    const { state } = migrationSchema.parse(await api.request('GET', `/migrations/${id}`));
    return FINAL_MIGRATION_STATES.includes(state);
  });
  return id;
}

/** Resolves with the evacuation's id, once it has begun. */
async function evacuate(api: ControlApi, device: string, options: object = {}): Promise<string> {
  const answer = await api.request('POST', `/devices/${device}/evacuations`, options);
  return z.object({ id: z.string() }).parse(answer).id;
}

async function ended(api: ControlApi, evacuation: string): Promise<void> {
  await until('the evacuation to end', 120_000, async () => {
    const { endedAt } = evacuationSchema.parse(await api.request('GET', `/evacuations/${evacuation}`));
    return endedAt !== null;
  });
}
