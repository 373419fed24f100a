import { createHash } from 'node:crypto';
import type { Migration } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import { containerName } from '../../device/engine/containerOptions.ts';
import { controlApi, type ControlApi } from '../../lab/controlApi.ts';
import { createSampleCompute, moveCompute } from '../../lab/demo/sampleCompute.ts';
import { importImage } from '../../lab/importImage.ts';
import type { Lab } from '../../lab/state.ts';
import type { Workload } from '../workloads.ts';
import type { Contender, Outcome, Running } from './contender.ts';

const REMOVE_MS = 120_000;
const LOOK_MS = 200;

/** Drayage as a user has it: its API asked for a move. */
export class Drayage implements Contender {
  readonly #images = new Map<string, string>();
  #lab: Lab | null = null;
  #api: ControlApi | null = null;
  #count = 0;

  async setUp(lab: Lab): Promise<void> {
    this.#lab = lab;
    this.#api = await controlApi(lab);
  }

  async start(workload: Workload): Promise<Running> {
    const api = this.#ready(this.#api);
    const [source = '', target = ''] = this.#ready(this.#lab).devices;
    const image = await this.#import(workload);
    this.#count += 1;
    const name = `bench-${this.#count}`;
    const request = { name, image, device: source, command: workload.command };
    const compute = await createSampleCompute(api, request).catch(async (error: unknown) => {
      await this.#remove(api, name);
      throw error;
    });
    const moveTo = async (device: string) => outcomeOf(await moveCompute(api, compute.id, device));
    return {
      ip: compute.ip,
      container: containerName(compute.id, 'compute'),
      move: () => moveTo(target),
      moveBack: () => moveTo(source),
      remove: () => this.#remove(api, compute.id),
    };
  }

  async tearDown(): Promise<void> {
    const api = this.#ready(this.#api);
    for (const id of this.#images.values()) await api.request('DELETE', `/images/${id}`);
    this.#images.clear();
  }

  /** Id of the workload's image at the control plane. */
  async #import(workload: Workload): Promise<string> {
    const path = await workload.buildImage();
    const known = this.#images.get(path);
    if (known !== undefined) return known;
    // The path tells what is in it.
    const key = createHash('sha256').update(path).digest('hex').slice(0, 8);
    const image = { name: `bench-${workload.program}-${key}`, path, command: [] };
    const { id } = await importImage(this.#ready(this.#lab), this.#ready(this.#api), image);
    this.#images.set(path, id);
    return id;
  }

  /** By id or name. Refused as long as something else is being done to it. */
  async #remove(api: ControlApi, compute: string): Promise<void> {
    const gone = async () => {
      const here = await api.request('GET', `/computes/${compute}`).then(
        () => true,
        (error: Error) => !/404/.test(error.message),
      );
      if (here) await api.request('DELETE', `/computes/${compute}`).catch(() => {});
      return !here;
    };
    await until(`${compute} to be removed`, REMOVE_MS, gone, LOOK_MS);
  }

  #ready<T>(value: T | null): T {
    if (value === null) throw new Error('set it up first');
    return value;
  }
}

function outcomeOf(migration: Migration): Outcome {
  const { state, reason, causes, phases, frozenMs, totalMs, wireBytes, tracker, restore, rounds } = migration;
  const why = causes.map(({ message }) => message).filter((message) => !reason.includes(message));
  return {
    succeeded: state === 'succeeded',
    reason: state === 'succeeded' ? '' : [`${state}: ${reason}`, ...why].join('; '),
    steps: phases.map(({ name, startedAt, ms }) => ({ name, startedAt: Date.parse(startedAt), ms })),
    frozenMs,
    totalMs: totalMs ?? 0,
    wireBytes,
    tracker,
    restore: restore?.mode ?? null,
    rounds: rounds.length,
  };
}
