import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { acceptedSchema } from '../../../core/api/common.ts';
import { computeSchema, type ComputeView } from '../../../core/api/computes.ts';
import { snapshotSchema, type SnapshotView } from '../../../core/api/snapshots.ts';
import { until } from '../../../core/until.ts';
import { removeCompute } from '../../../lab/demo/sampleCompute.ts';
import {
  SAMPLE_HTTP_PORT,
  sampleStatusSchema,
  type SampleStatus,
} from '../../../lab/sample/sampleProtocol.ts';
import { LabFaults, SOON_MS } from '../labFaults.ts';
import type { TestLab } from '../support.ts';

const MADE_MS = 120_000;
const LOOK_MS = 100;

/** Snapshots on a lab, and the computes that are made of them. */
export class SnapshotScene {
  readonly #lab: TestLab;
  readonly #faults: LabFaults;
  #made: string[] = [];

  constructor(lab: TestLab) {
    this.#lab = lab;
    this.#faults = new LabFaults(lab);
  }

  /** Asks for one; resolves with its id. */
  async begin(compute: string): Promise<string> {
    return acceptedSchema.parse(await this.#request('POST', `/computes/${compute}/snapshots`, {})).id;
  }

  /** Resolves when it has ended. */
  async ended(id: string): Promise<SnapshotView> {
    const look = async () => {
      const snapshot = snapshotSchema.parse(await this.#request('GET', `/snapshots/${id}`));
      return snapshot.state !== 'creating' && snapshot;
    };
    return until(`snapshot ${id} to end`, MADE_MS, look, LOOK_MS);
  }

  async make(compute: string): Promise<SnapshotView> {
    const made = await this.ended(await this.begin(compute));
    expect(made, made.reason).toMatchObject({ state: 'ready' });
    return made;
  }

  /** Makes a compute of it; resolves when that runs. */
  async restore(snapshot: string, name: string, device: string): Promise<ComputeView> {
    const { id } = acceptedSchema.parse(
      await this.#request('POST', `/snapshots/${snapshot}/restore`, { name, device }),
    );
    this.#made.push(id);
    const look = async () => {
      const compute = computeSchema.parse(await this.#request('GET', `/computes/${id}`));
      if (compute.state === 'failed') throw new Error(compute.reason);
      return compute.state === 'running' && compute;
    };
    return until(`${name} to run`, MADE_MS, look, LOOK_MS);
  }

  /** What a sample says of itself, asked from the client host. */
  async status(ip: string): Promise<SampleStatus> {
    const program = `fetch('http://${ip}:${String(SAMPLE_HTTP_PORT)}/', {signal: AbortSignal.timeout(2000)}).then((r) => r.text()).then(console.log)`;
    const { stdout } = await this.#lab.client([process.execPath, '-e', program]);
    return sampleStatusSchema.parse(JSON.parse(stdout));
  }

  /** Removes what was restored, and all snapshots. */
  async clear(): Promise<void> {
    const api = await this.#lab.api();
    for (const id of this.#made.splice(0)) await removeCompute(api, id);
    const { items } = (await this.#request('GET', '/snapshots')) as { items: { id: string }[] };
    for (const { id } of items) await this.#request('DELETE', `/snapshots/${id}`);
  }

  /** Ids of what the control plane keeps parts of. */
  kept(): Promise<string[]> {
    return readdir(join(this.#lab.lab.paths.controlData, 'snapshots')).then((names) =>
      names.filter((name) => name !== 'uploads'),
    );
  }

  /** A device has nothing of a snapshot any more: no images, no copies of files, no mounts, no marks. */
  async expectClean(device: string): Promise<void> {
    const places = ['/run/drayage/images', '/run/drayage/tmpfs', '/run/drayage/snapshots'];
    const look = () =>
      Promise.all(
        [...places, '/run/drayage/arriving', '/var/lib/drayage/sync'].map((place) =>
          this.#faults.list(device, place),
        ),
      );
    const clean = async () => (await look()).every((names) => names.length === 0);
    await until(`${device} to be clean`, SOON_MS, clean, LOOK_MS).catch(() => undefined);
    expect((await look()).flat(), `what is left on ${device}`).toEqual([]);
  }

  /** Has somebody on the device write a file into the compute's own root directory. */
  async writeInside(device: string, compute: string, path: string, text: string): Promise<void> {
    await this.#inside(device, compute, `printf %s "$2" >"/proc/$1/root$3"`, text, path);
  }

  async readInside(device: string, compute: string, path: string): Promise<string> {
    return this.#inside(device, compute, `cat "/proc/$1/root$3"`, '', path);
  }

  async hostname(device: string, compute: string): Promise<string> {
    return this.#inside(device, compute, `nsenter --uts="/proc/$1/ns/uts" hostname`, '', '');
  }

  async #inside(
    device: string,
    compute: string,
    script: string,
    ...words: [text: string, path: string]
  ): Promise<string> {
    const format = ['inspect', '--format', '{{.State.Pid}}', `drayage-${compute}`];
    const pid = (await this.#lab.exec(device, ['docker', ...format])).stdout.trim();
    return (await this.#lab.exec(device, ['sh', '-c', script, 'sh', pid, ...words])).stdout.trim();
  }

  async #request(method: string, path: string, body?: unknown): Promise<unknown> {
    return (await this.#lab.api()).request(method, path, body);
  }
}
