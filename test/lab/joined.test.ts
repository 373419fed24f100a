import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../core/until.ts';
import { countCensus, takeCensus } from '../../lab/census.ts';
import { downLab } from '../../lab/down.ts';
import { listDevices } from '../../lab/join.ts';
import { SILENT } from '../../lab/progress.ts';
import { labStatus } from '../../lab/status.ts';
import { upLab } from '../../lab/up.ts';
import { ownLabName, withLab } from './support.ts';

/** Silence of 8 s makes a device unreachable; a heartbeat comes every 2 s. */
const HEARD_MS = 30_000;

describe('a lab with its control plane', () => {
  const shared = withLab();
  const stateOf = async (name: string) =>
    (await listDevices(await shared.api())).find((one) => one.name === name)?.state;
  const untilState = (name: string, state: string) =>
    until(`${name} to be ${state}`, HEARD_MS, async () => (await stateOf(name)) === state, 200);

  it('has joined and approved its devices, and says where everything is', async () => {
    const status = await labStatus(shared.lab);
    expect(status.devices.map(({ name, state }) => ({ name, state }))).toEqual([
      { name: 'd1', state: 'ready' },
      { name: 'd2', state: 'ready' },
    ]);
    expect(Object.keys(status.controlPlane?.parts ?? {}).sort()).toEqual([
      'api',
      'control',
      'gateway',
      'postgres',
      'temporal',
    ]);
    expect(status.adminPassword).toEqual(expect.any(String));
    expect((await fetch(`${status.api}/healthz`)).status).toBe(200);
    expect((await fetch(status.temporalUi)).status).toBe(200);
  });

  it('has the same devices after a worker was killed and after a device was rebooted', async () => {
    const before = (await labStatus(shared.lab)).devices;
    expect(await shared.kill('d1', 'worker')).toBe(true);
    expect(await shared.kill('d2')).toBe(true);
    await untilState('d1', 'unreachable');
    await untilState('d2', 'unreachable');
    await shared.start('d1');
    await shared.start('d2');
    await untilState('d1', 'ready');
    await untilState('d2', 'ready');
    const after = (await labStatus(shared.lab)).devices;
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    expect(after[0]!.parts.worker).not.toBe(before[0]!.parts.worker);
    expect(after[0]!.parts.device).toBe(before[0]!.parts.device);
    expect(after[1]!.parts.device).not.toBe(before[1]!.parts.device);
  });

  it('sees a device go and come back when its cable is cut and healed', async () => {
    await shared.cut('d1', 'control');
    await untilState('d1', 'unreachable');
    await shared.heal();
    await untilState('d1', 'ready');
  });

  it('leaves nothing at its end', async () => {
    const name = ownLabName('g');
    const shm = await readdir('/dev/shm');
    const { lab } = await upLab(name, { devices: 1 }, SILENT);
    expect((await takeCensus(name)).processes.length).toBeGreaterThan(8);
    expect(await downLab(name, SILENT)).toBe(true);
    expect(Object.values(countCensus(await takeCensus(name))).every((count) => count === 0)).toBe(true);
    expect(await readdir('/dev/shm')).toEqual(shm);
    await expect(fetch(`http://127.0.0.1:${lab.ports.api}/healthz`)).rejects.toThrow();
  });
});
