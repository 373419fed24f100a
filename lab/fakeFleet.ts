import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { acceptedSchema } from '../core/api/common.ts';
import { computeSchema } from '../core/api/computes.ts';
import type { ImageView } from '../core/api/images.ts';
import { DrayageError } from '../core/cause.ts';
import { until } from '../core/until.ts';
import { type ControlApi, listAll } from './controlApi.ts';
import { importImage } from './importImage.ts';
import type { Lab } from './state.ts';

/** Requests to make computes at a time. */
const AT_ONCE = 16;
/** For one compute to come to run, among many, milliseconds. */
const RUN_MS = 600_000;
const LOOK_MS = 2_000;
/** So many may be asked for and not run yet: more only wait for each other, and their devices for an answer. */
const MOST_BEING_MADE = 64;
const FULL_MS = 50;

/** A compute of a fake device: nothing runs. */
export interface FakeCompute {
  name: string;
  device: string;
  /** What the device is told to do with it (docs/architecture.md, "Fake devices"). */
  env?: Record<string, string>;
  [more: string]: unknown;
}

/** An image for computes of fake devices; there is nothing in it. */
export async function importEmptyImage(lab: Lab, api: ControlApi, name: string): Promise<ImageView> {
  const folder = await mkdtemp(join(tmpdir(), 'drayage-empty-image-'));
  try {
    const path = join(folder, 'root.tar');
    const tar = pack();
    tar.entry({ name: 'app', mode: 0o755 }, 'nothing runs');
    tar.finalize();
    await writeFile(path, await buffer(tar));
    return await importImage(lab, api, { name, path, command: ['/app'] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes computes and resolves with their ids, in the same order, once all of them run. `told` hears how many were asked for. */
export async function createFakeComputes(
  api: ControlApi,
  image: string,
  computes: readonly FakeCompute[],
  told: (asked: number) => void = () => undefined,
): Promise<string[]> {
  const ids: string[] = [];
  const listening = new AbortController();
  let [next, asked, run] = [0, 0, 0];
  await api.listen({ types: 'compute.running' }, () => (run += 1), listening.signal);
  const work = async () => {
    for (let index = next++; index < computes.length; index = next++) {
      await until('computes to be made', RUN_MS, () => asked - run < MOST_BEING_MADE, FULL_MS);
      const body = { image, ...computes[index] };
      asked += 1;
      ids[index] = await create(api, body);
      told(asked);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    listening.abort();
  }
  const wanted = new Set(ids);
  const running = async () =>
    (await runningComputes(api)).filter((id) => wanted.has(id)).length === ids.length;
  await until(`${String(ids.length)} computes to run`, RUN_MS, running, LOOK_MS);
  return ids;
}

/** A device that was silent for a moment, among hundreds in one process, is waited for. */
async function create(api: ControlApi, body: object): Promise<string> {
  let id = '';
  await until('a device to answer again', RUN_MS, async () => {
    try {
      id = acceptedSchema.parse(await api.request('POST', '/computes', body)).id;
      return true;
    } catch (error) {
      if (error instanceof DrayageError && error.cause_.code === 'deviceUnreachable') return false;
      throw error;
    }
  });
  return id;
}

async function runningComputes(api: ControlApi): Promise<string[]> {
  const all = await listAll(api, '/computes', computeSchema.pick({ id: true, state: true }));
  return all.filter(({ state }) => state === 'running').map(({ id }) => id);
}
