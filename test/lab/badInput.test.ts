import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { problemSchema } from '../../core/api/common.ts';
import { until } from '../../core/until.ts';
import { listDevices } from '../../lab/join.ts';
import { buildSampleImage } from '../../lab/sample/buildSampleImage.ts';
import { askRefused, runCli, startCli } from './cliProgram.ts';
import { SOON_MS } from './labFaults.ts';
import { withScene } from './migrationScene.ts';
import { withLab } from './support.ts';

const LONG_MS = 180_000;
const MIB = 2 ** 20;

describe('a move that cannot be', () => {
  const lab = withLab();
  const scene = withScene(lab, 'badinput');
  const { faults } = scene;

  /** Asked by API and by CLI, as text and as JSON, a move is refused for that cause, and nothing has happened. */
  async function expectRefused(compute: string, target: string, status: number, code: string): Promise<void> {
    const path = `/computes/${compute}/migrations`;
    const refusal = await askRefused(lab, 'POST', path, { json: { target } });
    expect(refusal.status).toBe(status);
    expect(refusal.contentType).toContain('application/problem+json');
    expect(refusal.problem.status).toBe(status);
    const cause = refusal.problem.causes.find((one) => one.code === code);
    expect(cause, `${code} among ${JSON.stringify(refusal.problem.causes)}`).toBeDefined();
    expect(cause?.mend).not.toBe('');

    const text = await runCli(lab, 'migrate', compute, '--to', target);
    expect(text).toMatchObject({ code: 3, stdout: '' });
    expect(text.stderr).toContain(cause?.mend);
    const json = await runCli(lab, 'migrate', compute, '--to', target, '--json');
    expect(json.code).toBe(3);
    const printed = problemSchema.parse(JSON.parse(json.stdout));
    expect(printed.status).toBe(status);
    expect(printed.causes.map((one) => one.code)).toContain(code);
  }

  /** The compute was not touched, and there is no record of a move of it. */
  async function expectUntouched(): Promise<void> {
    const moves = await (await lab.api()).request('GET', `/migrations?compute=${scene.compute.id}`);
    expect(moves).toMatchObject({ items: [] });
    await scene.expectOneLiveCopy('d1');
    await scene.expectConnectionsKept();
  }

  test(
    'unknown compute, unknown device, the device that it is on',
    async () => {
      await expectRefused('nosuch', 'd2', 404, 'unknownCompute');
      await expectRefused(scene.compute.name, 'd9', 404, 'unknownDevice');
      await expectRefused(scene.compute.name, 'd1', 409, 'sameDevice');
      await expectUntouched();
    },
    LONG_MS,
  );

  test(
    'a compute that does not run',
    async () => {
      const api = await lab.api();
      await api.request('POST', `/computes/${scene.compute.id}/stop`);
      await until('it to stop', SOON_MS, async () => (await scene.show()).state === 'stopped', 100);
      await expectRefused(scene.compute.name, 'd2', 409, 'notRunning');
    },
    LONG_MS,
  );

  test(
    'a target that does not answer',
    async () => {
      await lab.kill('d2', 'worker');
      await until('d2 to be unreachable', SOON_MS, async () => (await stateOf('d2')) === 'unreachable', 200);
      await expectRefused(scene.compute.name, 'd2', 409, 'deviceUnreachable');
      await expectUntouched();
    },
    LONG_MS,
  );

  describe('to a device without room', () => {
    afterEach(async () => {
      await onD2('umount /proc/meminfo 2> /dev/null; rm -f /var/lib/docker/filler; true');
      await until('d2 to have room', SOON_MS, async () => {
        const { memoryAvailableBytes, diskAvailableBytes } = await inventory('d2');
        return memoryAvailableBytes > 256 * MIB && diskAvailableBytes > 1024 * MIB;
      });
    });

    test(
      'out of memory',
      async () => {
        const fake = `sed 's/^MemAvailable:.*/MemAvailable: 102400 kB/' /proc/meminfo > /run/meminfo`;
        await onD2(`${fake}; mount --bind /run/meminfo /proc/meminfo`);
        const low = async () => (await inventory('d2')).memoryAvailableBytes <= 100 * MIB;
        await until('d2 to tell it', SOON_MS, low, 200);
        await expectRefused(scene.compute.name, 'd2', 409, 'outOfMemory');
        await expectUntouched();
      },
      LONG_MS,
    );

    test(
      'out of disk',
      async () => {
        const room = `$(df --output=avail -B1M /var/lib/docker | tail -1)`;
        await onD2(`fallocate -l $((${room} - 64))MiB /var/lib/docker/filler`);
        const low = async () => (await inventory('d2')).diskAvailableBytes <= 100 * MIB;
        await until('d2 to tell it', SOON_MS, low, 200);
        await expectRefused(scene.compute.name, 'd2', 409, 'outOfDisk');
        await expectUntouched();
      },
      LONG_MS,
    );
  });

  test(
    'a second one of the same compute while one runs',
    async () => {
      const id = await scene.startUntil('d1', 'source.frozen');
      const path = `/computes/${scene.compute.id}/migrations`;
      const { problem } = await askRefused(lab, 'POST', path, { json: { target: 'd2' } });
      expect(problem.running).toMatchObject({ id, workflowId: scene.compute.id });
      expect(JSON.parse((await runCli(lab, 'migrate', scene.compute.name, '--json')).stdout)).toMatchObject({
        running: { id },
      });
      await expectRefused(scene.compute.name, 'd2', 409, 'migrationRunning');
      await faults.release('d1', 'source.frozen');
      expect((await scene.ended(id)).state).toBe('succeeded');
      await scene.expectOneLiveCopy('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  test(
    'Ctrl-C in the CLI does not end the move: it says how to follow it',
    async () => {
      await faults.arm('d1', 'source.frozen');
      const cli = await startCli(lab, ['migrate', scene.compute.name, '--to', 'd2']);
      await faults.reached('d1', 'source.frozen');
      await cli.says('switching');
      cli.interrupt();
      const { code, stderr } = await cli.done;
      expect(code).toBe(130);
      const id = /drayage migration show (mig_[a-z0-9]+)/.exec(stderr)?.[1] ?? '';
      expect(stderr).toContain('The move goes on.');
      await faults.release('d1', 'source.frozen');
      expect((await scene.ended(id)).state).toBe('succeeded');
      expect((await runCli(lab, 'migration', 'show', id)).stdout).toContain('succeeded');
      await scene.expectOneLiveCopy('d2');
      await scene.expectConnectionsKept();
    },
    LONG_MS,
  );

  async function stateOf(device: string): Promise<string | undefined> {
    return (await listDevices(await lab.api())).find(({ name }) => name === device)?.state;
  }

  async function inventory(device: string) {
    const answer = await (await lab.api()).request('GET', `/devices/${device}`);
    return (answer as { inventory: { memoryAvailableBytes: number; diskAvailableBytes: number } }).inventory;
  }

  function onD2(script: string) {
    return lab.exec('d2', ['sh', '-c', script]);
  }
});

describe('an image that is none', () => {
  const lab = withLab();
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'drayage-images-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test.each([
    ['no tar', 'notATar', () => Promise.resolve(Buffer.alloc(64 * 1024, 'no tar '))],
    [
      'a tar that is truncated',
      'truncated',
      async () => {
        const whole = await readFile(await buildSampleImage());
        return whole.subarray(0, Math.floor(whole.length / 2));
      },
    ],
    [
      'a tar with a path that leads out of it',
      'unsafePath',
      async () => {
        const tar = pack();
        tar.entry({ name: 'bin/../../../evil' }, 'evil');
        tar.finalize();
        return buffer(tar);
      },
    ],
  ])('%s is refused as %s', async (_what, code, make) => {
    const content = await make();
    const { status, problem } = await askRefused(lab, 'POST', '/images?name=bad&cmd=x', {
      tar: new Uint8Array(content),
    });
    expect({ status, code: problem.causes[0]?.code }).toEqual({ status: 422, code });
    const file = join(directory, 'bad.tar');
    await writeFile(file, content);
    const { code: exit, stderr } = await runCli(lab, 'image', 'import', file, '--name', 'bad', '--cmd', 'x');
    expect(exit).toBe(3);
    expect(stderr).toContain(problem.causes[0]?.mend);
    const { items } = (await (await lab.api()).request('GET', '/images')) as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).not.toContain('bad');
  });
});
