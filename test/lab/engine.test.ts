import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ContainerExit, ContainerFacts, Sandbox } from '../../device/engine/types.ts';
import { until } from '../../core/until.ts';
import { CHECKOUT_ON_DEVICE } from '../../lab/deviceProcess.ts';
import { withOwnLab } from './support.ts';

interface Trial {
  exits: ContainerExit[];
  sandboxTwice: [Sandbox, Sandbox];
  createTwice: [string, string];
  created: ContainerFacts;
  running: ContainerFacts;
  process: Record<string, string>;
  child: Record<string, string>;
  [step: string]: unknown;
}

/** Docker's default capabilities (a80425fb) without AUDIT_WRITE, MKNOD, NET_RAW and SETFCAP. */
const CAPABILITIES = '00000000000405fb';
const SECCOMP_FILTER = '2';

describe('the engine on a device', () => {
  const devices = withOwnLab('engine', { control: false, devices: 1, diskGb: 3 });
  let trial: Trial;

  beforeAll(async () => {
    const node = join(CHECKOUT_ON_DEVICE, 'node_modules/node/bin/node');
    const { stdout } = await devices.exec('d1', [node, join(CHECKOUT_ON_DEVICE, 'test/lab/engineTrial.ts')], {
      timeoutMs: 120_000,
    });
    trial = JSON.parse(stdout) as Trial;
  });

  test('loads images, and says what is wrong with an archive', () => {
    expect(trial).toMatchObject({
      imageGone: false,
      garbage: 'imageInvalid',
      truncated: 'imageInvalid',
      mismatch: 'imageMismatch',
    });
  });

  test('asked twice it finds its own work', () => {
    expect(trial.sandboxTwice[0]).toEqual(trial.sandboxTwice[1]);
    expect(trial.createTwice[0]).toBe(trial.createTwice[1]);
    expect(trial.created).toMatchObject({ state: 'created', pid: 0, bundle: null });
  });

  test('finds layer, log, volume, runtime state and bundle', () => {
    const { running, created } = trial;
    expect(running).toMatchObject({
      state: 'running',
      containerId: trial.createTwice[0],
      logPath: created.logPath,
    });
    expect(running.upperDir).toMatch(/^\/.+\/diff$/);
    expect(running.mergedDir).toMatch(/^\/.+\/merged$/);
    expect(running.runcRoot).toMatch(/\/moby$/);
    expect(running.bundle).toMatch(new RegExp(`/${running.containerId}$`));
    expect(running.volumes).toEqual([{ name: 'data', directory: expect.stringMatching(/_data$/) as string }]);
    expect(trial['listed']).toMatchObject([{ running: true, paused: false, spec: { name: 'trial' } }]);
  });

  test("keeps Docker's seccomp profile, has fewer capabilities, huge pages off, and the restart policy to itself", () => {
    const expected = { THP_enabled: '0', Seccomp: SECCOMP_FILTER, CapEff: CAPABILITIES };
    expect(trial.process).toEqual(expected);
    expect(trial.child).toEqual(expected);
    expect(trial['limits']).toBe('no 67108864 500000000');
  });

  test('gives logs and runs programs', () => {
    expect(trial['logs']).toEqual(['stderr:err\n', 'stdout:out\n']);
    expect(trial['exec']).toEqual({ code: 7, stdout: 'in\ntwo words\nseed\ntrial\n', stderr: 'e\n' });
    expect(trial['killed']).not.toBe(0);
  });

  test('reports each end once, and whether it was asked for', () => {
    // Whether the removal, which comes next, is seen as an end depends on who is quicker.
    expect(trial.exits.slice(0, 2)).toMatchObject([
      { exitCode: 137, requested: true },
      { exitCode: 137, requested: false },
    ]);
  });

  test('removes all of a compute, a paused one too', () => {
    expect(trial).toMatchObject({ paused: 'paused', gone: [null, null, []], left: '', volumes: '' });
  });

  test('names the cause of a failure', () => {
    expect(trial).toMatchObject({
      startGone: 'containerMissing',
      imageMissing: 'imageMissing',
      conflict: 'nameConflict',
      away: 'engineAway',
    });
  });

  test('loses no end while the container engine is away, and restarts what ended', async () => {
    const node = join(CHECKOUT_ON_DEVICE, 'node_modules/node/bin/node');
    const program = join(CHECKOUT_ON_DEVICE, 'test/lab/engineOutageTrial.ts');
    const outcome = devices.exec('d1', [node, program], { timeoutMs: 120_000 });
    const started = ['cat', '/run/drayage-outage/started'];
    const pid = await until('the compute', 60_000, async () => {
      const { stdout } = await devices.exec('d1', started, { allowFailure: true });
      return Number(stdout.trim()) > 0 && stdout.trim();
    });
    await devices.kill('d1', 'dockerd');
    await devices.exec('d1', ['kill', '-KILL', pid]);
    await devices.start('d1');
    const { exits } = JSON.parse((await outcome).stdout) as {
      exits: { restarting: boolean; restarts: number }[];
    };
    expect(exits).toMatchObject([{ restarting: true, restarts: 1 }]);
  });
});
