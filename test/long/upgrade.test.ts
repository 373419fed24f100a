import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceSchema } from '../../core/api/devices.ts';
import { until } from '../../core/until.ts';
import { startControlPlane, stopControlPlane } from '../../lab/control.ts';
import { killPart, startParts } from '../../lab/power.ts';
import { writeLab } from '../../lab/state.ts';
import { withOwnLab } from '../lab/support.ts';
import { SampleScene } from '../lab/support/sampleScene.ts';
import { previousCheckout } from './support/previousCheckout.ts';

const SETUP_MS = 1_200_000;
const READY_MS = 120_000;

/** A lab whose parts begin as the version before this one, and are brought up one after the other, as an operator does it. */
describe('an upgrade', () => {
  const previous = { checkouts: {} as Record<string, string> };
  beforeAll(async () => {
    const checkout = await previousCheckout();
    Object.assign(previous.checkouts, { control: checkout, d1: checkout });
  }, SETUP_MS);
  const lab = withOwnLab('up', { devices: 2, ...previous });
  const scene = new SampleScene(lab, 'upgraded');
  beforeAll(() => scene.create(), SETUP_MS);
  afterAll(() => scene.remove(), SETUP_MS);

  const untilReady = () =>
    until('both devices to be ready', READY_MS, async () => {
      const api = await lab.api();
      const views = await Promise.all(
        ['d1', 'd2'].map(async (name) =>
          deviceSchema
            .pick({ state: true })
            .parse(await api.request('GET', `/devices/${name}`).catch(() => null)),
        ),
      ).catch(() => []);
      return views.length === 2 && views.every(({ state }) => state === 'ready');
    });
  /** There and back, with clients that talk meanwhile. */
  const movesBothWays = async () => {
    const talk = await scene.talk();
    expect(await scene.move('d2')).toMatchObject({ state: 'succeeded' });
    expect(await scene.move('d1')).toMatchObject({ state: 'succeeded' });
    expect(await talk.close()).toMatchObject({ lost: 0, wrong: 0 });
  };
  /** From here on it runs what this checkout has. */
  const bringUp = async (host: string) => {
    delete lab.lab.checkouts[host];
    await writeLab(lab.lab);
  };

  test('begins where a device was brought up before its control plane: moves both ways', movesBothWays);

  test('brings the control plane up: its database is taken over, computes and their clients go on', async () => {
    const talk = await scene.talk();
    await stopControlPlane(lab.lab.name);
    await bringUp('control');
    await startControlPlane(lab.lab);
    await untilReady();
    expect(await talk.close()).toMatchObject({ lost: 0, wrong: 0 });
    expect(await scene.show()).toMatchObject({ state: 'running', device: { name: 'd1' } });
  });

  test('has a control plane of this version with a device of the one before: moves both ways', movesBothWays);

  test('brings the last device up, once what ran on it has moved away', async () => {
    expect(await scene.move('d2')).toMatchObject({ state: 'succeeded' });
    await killPart(lab.lab, 'd1', 'device');
    await bringUp('d1');
    await startParts(lab.lab, 'd1');
    await untilReady();
    expect(await scene.move('d1')).toMatchObject({ state: 'succeeded' });
    await movesBothWays();
  });
});
