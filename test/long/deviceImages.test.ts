import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acceptedSchema } from '../../core/api/common.ts';
import { computeSchema, type ComputeView } from '../../core/api/computes.ts';
import { imageSchema } from '../../core/api/images.ts';
import { until } from '../../core/until.ts';
import { moveCompute, removeCompute } from '../../lab/demo/sampleCompute.ts';
import { WORKER_LOG } from '../../lab/device.ts';
import { buildSampleImage } from '../../lab/sample/buildSampleImage.ts';
import { startCli } from '../lab/cliProgram.ts';
import { withLab } from '../lab/support.ts';
import { LabRegistry, LOGIN } from '../lab/support/labRegistry.ts';

const STATE_MS = 60_000;

describe('images on their way to devices', () => {
  const shared = withLab();

  async function cli(words: string[], environment: Record<string, string> = {}): Promise<string> {
    const running = await startCli(shared, [...words, '--json'], environment);
    const { code, stdout, stderr } = await running.done;
    expect(code, stderr).toBe(0);
    return stdout;
  }

  async function create(name: string, image: string, device: string): Promise<ComputeView> {
    const api = await shared.api();
    const accepted = await api.request('POST', '/computes', { name, image, device });
    const { id } = acceptedSchema.parse(accepted);
    onTestFinished(() => removeCompute(api, id));
    const show = async () => computeSchema.parse(await api.request('GET', `/computes/${id}`));
    await until(`${name} to run`, STATE_MS, async () => {
      const { state, reason } = await show();
      if (state === 'failed') throw new Error(reason);
      return state === 'running';
    });
    return show();
  }

  /** How an image has come to a device, by the worker's own words. */
  async function cameFrom(device: string, image: string): Promise<{ from: string; layersHere: number }[]> {
    const { stdout } = await shared.exec(device, ['cat', WORKER_LOG]);
    return stdout
      .split('\n')
      .filter((line) => line.includes('an image has come') && line.includes(image))
      .map((line) => JSON.parse(line) as { from: string; layersHere: number });
  }

  it('come from a registry with credentials, from the control plane, and from a peer when its copy is gone; without layers that are there', async () => {
    const registry = await LabRegistry.start(shared.lab);
    onTestFinished(() => registry.stop());
    const api = await shared.api();
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
    const root = await readFile(await buildSampleImage());
    const layer = await tarOf('data/more', randomBytes(4 * 2 ** 20));
    const digest = await registry.push('shop/base', [root], ['/bin/sample'], architecture);
    const larger = await registry.push('shop/larger', [root, layer], ['/bin/sample'], architecture);

    await cli(['registry', 'add', registry.host, '--username', LOGIN.username], {
      DRAYAGE_REGISTRY_PASSWORD: LOGIN.password,
    });
    const pull = async (repository: string) =>
      imageSchema.parse(JSON.parse(await cli(['image', 'pull', `${registry.host}/${repository}`])));
    const base = await pull('shop/base');
    expect(base).toMatchObject({ name: 'shop/base', digest });
    onTestFinished(() => api.request('DELETE', `/images/${base.id}`).then(() => undefined));
    const one = await create('from-control', base.name, 'd1');
    expect(await cameFrom('d1', base.id)).toMatchObject([{ from: 'control' }]);

    const archive = (of: string) => join(shared.lab.paths.controlData, 'images', `${of.slice(7)}.tar`);
    await rm(archive(digest));
    expect((await moveCompute(api, one.id, 'd2')).state).toBe('succeeded');
    expect(await cameFrom('d2', base.id)).toMatchObject([{ from: one.device.id }]);

    // The layer below is on both devices: neither the control plane nor a peer sends it.
    const more = await pull('shop/larger');
    expect(more.digest).toBe(larger);
    onTestFinished(() => api.request('DELETE', `/images/${more.id}`).then(() => undefined));
    const two = await create('with-layers', more.name, 'd1');
    expect(await cameFrom('d1', more.id)).toMatchObject([{ from: 'control', layersHere: 1 }]);
    await rm(archive(larger));
    await create('with-layers-of-a-peer', more.name, 'd2');
    expect(await cameFrom('d2', more.id)).toMatchObject([{ from: two.device.id, layersHere: 1 }]);
    // What it is made of is whole: the layer that came and the one that was there.
    const { stdout } = await shared.exec('d2', ['sh', '-c', LOOK]);
    expect(stdout.trim().split('\n')).toEqual([String(4 * 2 ** 20), 'there']);
  });
});

/** The files of the compute's container, as its processes see them. */
const LOOK = `
id=$(docker ps --quiet --filter label=drayage.role=compute | head -n 1)
root=/proc/$(docker inspect --format '{{.State.Pid}}' "$id")/root
stat -c %s "$root/data/more" && test -x "$root/bin/sample" && echo there`;

async function tarOf(name: string, content: Buffer): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name, mtime: new Date(0) }, content);
  tar.finalize();
  return buffer(tar);
}
