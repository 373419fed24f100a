import { copyFile, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deviceSchema } from '../../core/api/devices.ts';
import { until } from '../../core/until.ts';
import { WORKER_LOG } from '../../lab/device.ts';
import { fileOnDevice } from '../../lab/deviceProcess.ts';
import { listDevices } from '../../lab/join.ts';
import { labStatus } from '../../lab/status.ts';
import { runCli } from './cliProgram.ts';
import { patient } from './patience.ts';
import { withOwnLab } from './support.ts';

/** Silence of 8 s makes a device unreachable; a worker on a busy machine starts in some seconds. */
const HEARD_MS = patient(60_000);
const DEVICES = ['d1', 'd2', 'd3'];
/** Debian's package faketime: what a clock says to the programs that it is loaded into. */
const FAKE_TIME = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`;
const auditSchema = z.object({ items: z.array(z.looseObject({ subject: z.string().nullable() })) });

describe('devices that nobody joins', () => {
  const lab = withOwnLab('found', { devices: DEVICES.length, join: false });

  const show = async (name: string) =>
    deviceSchema.parse(await (await lab.api()).request('GET', `/devices/${name}`));
  const states = async () =>
    (await listDevices(await lab.api())).map(({ name, state }) => `${name} ${state}`);
  const untilState = (name: string, state: string) =>
    until(`${name} to be ${state}`, HEARD_MS, async () => (await show(name)).state === state, 200);
  const log = async (device: string) => readFile(await fileOnDevice(lab.lab, device, WORKER_LOG), 'utf8');
  const untilSays = (device: string, text: string, from = 0) =>
    until(
      `${device} to say ${text}`,
      HEARD_MS,
      async () => (await log(device)).slice(from).includes(text),
      200,
    );
  /** `drayage device join`, on the device itself. */
  const join = (device: string) => [
    ...['/opt/drayage/cli/drayage.sh', 'device', 'join'],
    ...['--link', `${lab.lab.addresses.device(device)}:7444`],
  ];
  /** Process ids of all that has to stay as it is, but on `without`. */
  const running = async (without: string) => {
    const status = await labStatus(lab.lab);
    return {
      control: status.controlPlane,
      devices: status.devices.filter(({ name }) => name !== without).map(({ parts }) => parts),
    };
  };

  it('are all discovered by themselves, have no certificate, and both sides show the same key', async () => {
    expect((await states()).sort()).toEqual(DEVICES.map((name) => `${name} discovered`));
    for (const name of DEVICES) {
      const { keyFingerprint } = await show(name);
      await untilSays(name, keyFingerprint);
      expect(await log(name)).toContain('is pinned');
      const { code } = await lab.exec(name, ['test', '-e', '/var/lib/drayage/identity.json'], {
        allowFailure: true,
      });
      expect(code).not.toBe(0);
    }
    const { stdout } = await runCli(lab, 'device', 'show', 'd1');
    expect(stdout).toContain((await show('d1')).keyFingerprint);
  });

  it('say on the device itself with which key they wait', async () => {
    const { code, stderr } = await lab.exec('d1', join('d1'), { allowFailure: true });
    expect(code).toBe(3);
    expect(stderr).toContain((await show('d1')).keyFingerprint);
  });

  it('go on looking, and are the same devices, when they start while no control plane is to be found', async () => {
    const before = await show('d3');
    expect(await lab.kill('d3', 'worker')).toBe(true);
    await lab.cut('d3', 'control');
    const from = (await log('d3')).length;
    await lab.start('d3');
    await untilSays('d3', 'no control plane has answered yet', from);
    const silentAt = (await show('d3')).lastHeartbeatAt;
    await lab.heal();
    await until('d3 to ask again', HEARD_MS, async () => (await show('d3')).lastHeartbeatAt > silentAt, 200);
    expect(await show('d3')).toMatchObject({ id: before.id, keyFingerprint: before.keyFingerprint });
    expect(await states()).toHaveLength(DEVICES.length);
    const words = (await log('d3')).slice(from).split('no control plane has answered yet');
    expect(words).toHaveLength(2);
  });

  it('are joined by a person on the device itself, too, who waits for the approval', async () => {
    const before = await show('d1');
    expect(await lab.kill('d1', 'worker')).toBe(true);
    // An hour behind, as far as its programs can tell.
    await copyFile(FAKE_TIME, await fileOnDevice(lab.lab, 'd1', '/var/lib/faketime.so'));
    const shifted = (by: string) =>
      lab.exec(
        'd1',
        [
          ...['env', 'LD_PRELOAD=/var/lib/faketime.so', `FAKETIME=${by}`, 'FAKETIME_DONT_FAKE_MONOTONIC=1'],
          ...join('d1'),
        ],
        { allowFailure: true },
      );
    const refused = await shifted('-60m');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("The clock of device d1 is 60 minutes behind the control plane's.");
    expect(refused.stderr).toContain('timedatectl');
    // So far off that TLS does not come about: the device itself says it.
    const ancient = await shifted('-400d');
    expect(ancient.code).toBe(3);
    expect(ancient.stderr).toContain("is not valid at the time of this device's clock");
    const written = auditSchema.parse(await (await lab.api()).request('GET', '/audit?all=true&limit=20'));
    expect(written.items).toContainEqual(expect.objectContaining({ subject: 'd1', causes: ['clockWrong'] }));
    const joining = lab.exec('d1', [...join('d1'), '--json'], { timeoutMs: HEARD_MS });
    expect((await runCli(lab, 'device', 'approve', 'd1')).code).toBe(0);
    const { id: deviceId, keyFingerprint } = before;
    expect(JSON.parse((await joining).stdout)).toEqual({ deviceId, keyFingerprint, already: false });
    await lab.start('d1');
    await untilState('d1', 'ready');
  });

  it('are ready once they are approved', async () => {
    for (const name of DEVICES) {
      const { code, stdout } = await runCli(lab, 'device', 'approve', name);
      expect(code).toBe(0);
      expect(stdout).toContain((await show(name)).keyFingerprint);
    }
    for (const name of DEVICES) await untilSays(name, '"ready"');
    for (const name of DEVICES) await untilState(name, 'ready');
  });

  it('are unreachable when they are killed and ready when they are started again, and nothing else is restarted', async () => {
    const before = await show('d2');
    const others = await running('d2');
    expect(await lab.kill('d2')).toBe(true);
    await untilState('d2', 'unreachable');
    expect(await states()).toEqual(expect.arrayContaining(['d1 ready', 'd3 ready']));
    await lab.start('d2');
    await untilState('d2', 'ready');
    expect(await show('d2')).toMatchObject({ id: before.id, keyFingerprint: before.keyFingerprint });
    expect(await running('d2')).toEqual(others);
  });
});
