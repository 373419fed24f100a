import { beforeAll, describe, expect, it } from 'vitest';
import { computeSchema } from '../../core/api/computes.ts';
import { deviceSchema } from '../../core/api/devices.ts';
import { metricsSchema } from '../../core/api/metrics.ts';
import { migrationSchema } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import { countCensus, takeCensus } from '../../lab/census.ts';
import { downLab } from '../../lab/down.ts';
import { moveCompute } from '../../lab/demo/sampleCompute.ts';
import { importEmptyImage } from '../../lab/fakeFleet.ts';
import { SILENT } from '../../lab/progress.ts';
import { labStatus } from '../../lab/status.ts';
import { runCli, startCli } from '../lab/cliProgram.ts';
import { withOwnLab } from '../lab/support.ts';

const FAKES = 20;
/** Silence of 8 s makes a device unreachable; metrics are told every ten. */
const HEARD_MS = 40_000;

describe('fake devices', () => {
  const lab = withOwnLab('fake', { fakes: FAKES });
  let image: string;

  const cli = async (...words: string[]) => {
    const { code, stdout, stderr } = await runCli(lab, ...words);
    return { code, stdout, stderr };
  };
  const deviceState = async (name: string) =>
    deviceSchema.parse(await (await lab.api()).request('GET', `/devices/${name}`)).state;
  const untilState = (name: string, state: string) =>
    until(`${name} to be ${state}`, HEARD_MS, async () => (await deviceState(name)) === state, 200);
  const show = async (name: string) =>
    computeSchema.parse(await (await lab.api()).request('GET', `/computes/${name}`));
  const create = async (name: string, device: string, env: Record<string, string | number> = {}) => {
    const told = Object.entries({ FAKE_MEMORY_MB: 16, ...env }).map(
      ([key, value]) => [key, String(value)] as const,
    );
    const body = { name, image, device, env: Object.fromEntries(told) };
    await (await lab.api()).request('POST', '/computes', body);
    await until(`${name} to run`, HEARD_MS, async () => (await show(name)).state === 'running', 100);
  };

  beforeAll(async () => {
    image = (await importEmptyImage(lab.lab, await lab.api(), 'any')).name;
  });

  it('join by their own certificates, are of several kinds, and are shown by the lab', async () => {
    const { devices } = await labStatus(lab.lab);
    expect(devices.map(({ name, state }) => `${name} ${state}`)).toEqual(
      Array.from({ length: FAKES }, (_, index) => `f${index + 1} ready`),
    );
    const { stdout } = await cli('device', 'ls', '--json');
    const { items } = JSON.parse(stdout) as { items: unknown[] };
    const views = items.map((item) => deviceSchema.parse(item));
    expect(new Set(views.map(({ keyFingerprint }) => keyFingerprint)).size).toBe(FAKES);
    expect(new Set(views.map(({ inventory }) => inventory.architecture))).toEqual(new Set(['x64', 'arm64']));
    expect(new Set(views.map(({ inventory }) => inventory.kernel)).size).toBe(4);
  });

  it('run computes: create, list, log, exec, stop, start, remove', async () => {
    const told = ['--env', 'FAKE_LOG_MS=10', '--env', 'FAKE_MEMORY_MB=16'];
    const words = ['compute', 'create', '--name', 'daily', '--image', image, '--device', 'f3', ...told];
    expect(await cli(...words)).toMatchObject({ code: 0 });
    const { stdout } = await cli('compute', 'ls');
    expect(stdout).toMatch(/daily.*running.*f3/);
    await until('the log to grow', HEARD_MS, async () => {
      const log = await cli('compute', 'logs', 'daily');
      return log.stdout.split('\n').length > 5;
    });
    const tail = await cli('compute', 'logs', 'daily', '--tail', '2');
    expect(tail.stdout.trim().split('\n')).toHaveLength(2);
    expect((await cli('compute', 'exec', 'daily', '--', 'uname', '-a')).stdout).toContain('uname -a');
    expect(await cli('compute', 'stop', 'daily')).toMatchObject({ code: 0 });
    expect((await show('daily')).state).toBe('stopped');
    expect(await cli('compute', 'start', 'daily')).toMatchObject({ code: 0 });
    expect(await cli('compute', 'rm', 'daily')).toMatchObject({ code: 0 });
    expect((await cli('compute', 'ls')).stdout).not.toContain('daily');
  });

  it('move a compute, with rounds and phases on record, and its log goes on where it was', async () => {
    await create('mover', 'f1', { FAKE_FREEZE_MS: 100, FAKE_LOG_MS: 50 });
    const before = (await cli('compute', 'logs', 'mover')).stdout.split('\n')[0]!;
    const { code, stderr, stdout } = await cli('migrate', 'mover', '--to', 'f5', '--watch', '--json');
    const move = migrationSchema.parse(JSON.parse(stdout));
    expect(move).toMatchObject({ state: 'succeeded', target: { name: 'f5' }, epoch: 2 });
    expect(code).toBe(0);
    expect(stderr).toContain('succeeded');
    expect(move.rounds.length).toBeGreaterThan(0);
    expect(move.frozenMs).toBeGreaterThanOrEqual(100);
    expect(move.phases.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['preflight', 'freeze', 'dump', 'restore', 'handOver', 'filling', 'release']),
    );
    expect(await show('mover')).toMatchObject({ state: 'running', device: { name: 'f5' } });
    const after = (await cli('compute', 'logs', 'mover')).stdout.split('\n');
    expect(after[0]).toBe(before);
    expect((await moveCompute(await lab.api(), 'mover', 'f1')).state).toBe('succeeded');
  });

  it('tell what a move would cost without making it', async () => {
    const { code, stdout } = await cli('migrate', 'mover', '--to', 'f5', '--json', '--dry-run');
    const move = migrationSchema.parse(JSON.parse(stdout));
    expect({ code, state: move.state, frozenMs: move.frozenMs }).toEqual({
      ...{ code: 0, state: 'succeeded', frozenMs: null },
    });
    expect(move.predicted?.freezeMs).toBeGreaterThan(0);
    expect((await show('mover')).device.name).toBe('f1');
  });

  it.each([
    ['refuse', 'refused', 'ioUring'],
    ['rollBack', 'rolledBack', 'restoreFailed'],
    ['abort', 'aborted', 'notConverging'],
  ])('fail as told: %s', async (told, state, cause) => {
    const name = `told-${told.toLowerCase()}`;
    await create(name, 'f1', { FAKE_MOVE: told });
    const move = await moveCompute(await lab.api(), name, 'f5');
    expect(move.state, move.reason).toBe(state);
    expect(move.causes.map(({ code: found }) => found)).toContain(cause);
    expect(await show(name)).toMatchObject({ state: 'running', device: { name: 'f1' } });
  });

  it('are refused what differs: another processor', async () => {
    const { state, causes } = await moveCompute(await lab.api(), 'mover', 'f3');
    expect(state).toBe('refused');
    expect(causes.map(({ code }) => code)).toContain('architectureDiffers');
  });

  it('stop a move that a person aborts', async () => {
    await create('slow', 'f1', { FAKE_MEMORY_MB: 2000 });
    const moving = await startCli(lab, ['migrate', 'slow', '--to', 'f5', '--watch', '--json']);
    await moving.says('precopying');
    const { items } = JSON.parse((await cli('migration', 'ls', '--json')).stdout) as {
      items: { id: string }[];
    };
    expect((await cli('migration', 'abort', items[0]!.id)).code).toBe(0);
    expect(migrationSchema.parse(JSON.parse((await moving.done).stdout)).state).toBe('aborted');
    expect(await show('slow')).toMatchObject({ state: 'running', device: { name: 'f1' } });
  });

  it('are unreachable when they lose their power, and the move that they were part of is rolled back', async () => {
    await create('brave', 'f1', { FAKE_MOVE: 'targetDies' });
    const moving = moveCompute(await lab.api(), 'brave', 'f9');
    await untilState('f9', 'unreachable');
    expect((await labStatus(lab.lab)).devices.find(({ name }) => name === 'f9')?.parts.worker).toBeNull();
    await lab.start('f9');
    await untilState('f9', 'ready');
    const { state, reason } = await moving;
    expect(state, reason).toBe('rolledBack');
    expect(await show('brave')).toMatchObject({ state: 'running', device: { name: 'f1' } });
  });

  it('are killed and started by the lab; only what is to be restarted runs again', async () => {
    await create('stays', 'f13');
    const before = (await labStatus(lab.lab)).devices.filter(({ name }) => name !== 'f13');
    expect(await lab.kill('f13')).toBe(true);
    expect(await lab.kill('f13')).toBe(false);
    await untilState('f13', 'unreachable');
    await lab.start('f13');
    await untilState('f13', 'ready');
    await until('the end to be told', HEARD_MS, async () => (await show('stays')).state !== 'running', 200);
    expect((await labStatus(lab.lab)).devices.filter(({ name }) => name !== 'f13')).toEqual(before);
    await expect(lab.kill('f13', 'dockerd')).rejects.toThrow('no dockerd');
    await expect(lab.exec('f13', ['true'])).rejects.toThrow('fake device');
  });

  it('have metrics that move', async () => {
    const api = await lab.api();
    const of = async (path: string) => metricsSchema.parse(await api.request('GET', path)).items;
    await until('metrics', HEARD_MS, async () => (await of('/devices/f2/metrics')).length >= 2, 500);
    await until('metrics', HEARD_MS, async () => (await of('/computes/mover/metrics')).length >= 2, 500);
    const [one, other] = await of('/devices/f2/metrics');
    expect(one!.cpus).toBeGreaterThan(0);
    expect(other!.cpus).not.toBe(one!.cpus);
  });

  it('leave nothing', async () => {
    const { name } = lab.lab;
    expect((await takeCensus(name)).processes.length).toBeGreaterThan(5);
    expect(await downLab(name, SILENT)).toBe(true);
    expect(Object.values(countCensus(await takeCensus(name))).every((count) => count === 0)).toBe(true);
  });
});
