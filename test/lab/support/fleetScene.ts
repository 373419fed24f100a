import { acceptedSchema, listOf } from '../../../core/api/common.ts';
import { type ComputeView, computeSchema } from '../../../core/api/computes.ts';
import { type EvacuationView, evacuationSchema } from '../../../core/api/evacuations.ts';
import { type MigrationView, migrationViewSchema } from '../../../core/api/migrations.ts';
import { until } from '../../../core/until.ts';
import { DemoClient } from '../../../lab/demo/demoClient.ts';
import { createSampleCompute, importSampleImage, removeCompute } from '../../../lab/demo/sampleCompute.ts';
import { listDevices } from '../../../lab/join.ts';
import { sampleCommand } from '../../../lab/sample/sampleProtocol.ts';
import { SOON_MS } from '../labFaults.ts';
import type { TestLab } from '../support.ts';

/** Many computes of the sample application of several sizes, all on d1, each with a client that asks all the time. */
export class FleetScene {
  readonly #lab: TestLab;
  readonly #image: string;
  readonly #computes: ComputeView[] = [];
  readonly #problems: string[] = [];
  #clients: DemoClient[] = [];

  constructor(lab: TestLab, image: string) {
    this.#lab = lab;
    this.#image = image;
  }

  /** One compute for each size, megabytes. */
  async create(sizesMb: readonly number[]): Promise<void> {
    const api = await this.#lab.api();
    await importSampleImage(this.#lab.lab, api, this.#image);
    for (const [index, size] of sizesMb.entries()) {
      const request = {
        ...{ name: `${this.#image}-${String(index + 1)}`, image: this.#image, device: 'd1' },
        ...{ command: sampleCommand(size, 50), memoryBytes: 256 * 2 ** 20 },
      };
      this.#computes.push(await createSampleCompute(api, request));
    }
  }

  /** A few connections to each, on which every answer is checked. */
  async talk(): Promise<void> {
    const onProblem = (problem: string) => void this.#problems.push(problem);
    for (const { ip } of this.#computes)
      this.#clients.push(
        await DemoClient.start(this.#lab.lab, { host: ip, lines: 1, intervalMs: 40, onProblem }),
      );
  }

  /** Ends the clients: how many connections were lost and answers wrong, over all of them. */
  async hush(): Promise<{ lost: number; wrong: number; problems: string[] }> {
    const ends = await Promise.all(this.#clients.map((client) => client.end()));
    this.#clients = [];
    return {
      lost: ends.reduce((sum, { connections }) => sum + connections.opened - connections.kept, 0),
      wrong: ends.reduce((sum, { errors }) => sum + errors, 0),
      problems: this.#problems.splice(0),
    };
  }

  async remove(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.kill()));
    const api = await this.#lab.api();
    for (const { id } of this.#computes.splice(0)) await removeCompute(api, id);
    await api.request('DELETE', `/images/${this.#image}`);
  }

  /** On which devices its computes are, by name. */
  async whereabouts(): Promise<string[]> {
    const api = await this.#lab.api();
    const shown = this.#computes.map(async ({ id }) =>
      computeSchema.parse(await api.request('GET', `/computes/${id}`)),
    );
    return (await Promise.all(shown)).map(({ device, state }) =>
      state === 'running' ? device.name : `${state} on ${device.name}`,
    );
  }

  /** Asks for an evacuation, by API. */
  async evacuate(device: string, body: object = {}): Promise<string> {
    const api = await this.#lab.api();
    return acceptedSchema.parse(await api.request('POST', `/devices/${device}/evacuations`, body)).id;
  }

  async steer(id: string, change: 'pause' | 'resume' | 'cancel' | 'return', body?: object): Promise<unknown> {
    return (await this.#lab.api()).request('POST', `/evacuations/${id}/${change}`, body);
  }

  async show(id: string): Promise<EvacuationView> {
    return evacuationSchema.parse(await (await this.#lab.api()).request('GET', `/evacuations/${id}`));
  }

  /** Resolves with the evacuation once it is as asked. */
  until(
    id: string,
    what: string,
    done: (view: EvacuationView) => boolean,
    ms = SOON_MS,
  ): Promise<EvacuationView> {
    const look = async () => {
      // The control plane may just be away.
      const view = await this.show(id).catch(() => null);
      return view !== null && done(view) ? view : false;
    };
    return until(`the evacuation to ${what}`, ms, look, 200);
  }

  async ended(id: string, ms = 4 * SOON_MS): Promise<EvacuationView> {
    return this.until(id, 'end', ({ endedAt }) => endedAt !== null, ms);
  }

  async deviceState(name: string): Promise<string | undefined> {
    return (await listDevices(await this.#lab.api())).find((device) => device.name === name)?.state;
  }

  async uncordon(name: string): Promise<void> {
    await (await this.#lab.api()).request('POST', `/devices/${name}/uncordon`);
  }

  /** All moves of an evacuation, also those that did not succeed. */
  async moves(id: string): Promise<MigrationView[]> {
    const answer = await (await this.#lab.api()).request('GET', '/migrations?limit=500');
    return listOf(migrationViewSchema)
      .parse(answer)
      .items.filter(({ evacuation }) => evacuation === id);
  }
}

/** The most moves that were under way at one time, of those that have the same key; by their records. */
export function mostAtOnce(moves: readonly MigrationView[], key: (move: MigrationView) => string): number {
  const span = (move: MigrationView) => [Date.parse(move.createdAt), Date.parse(move.endedAt ?? '')] as const;
  return Math.max(
    0,
    ...moves.map((move) => {
      const [at] = span(move);
      const beside = moves.filter((other) => {
        const [from, to] = span(other);
        return key(other) === key(move) && from <= at && at < to;
      });
      return beside.length;
    }),
  );
}
