import type { z } from 'zod';
import { acceptedSchema } from '../../../core/api/common.ts';
import { computeSchema } from '../../../core/api/computes.ts';
import type { Migration } from '../../../core/migration.ts';
import { until } from '../../../core/until.ts';
import { DemoClient } from '../../../lab/demo/demoClient.ts';
import { importSampleImage, moveCompute, removeCompute } from '../../../lab/demo/sampleCompute.ts';
import {
  sampleStatusSchema,
  SAMPLE_HTTP_PORT,
  type SampleStatus,
} from '../../../lab/sample/sampleProtocol.ts';
import type { TestLab } from '../support.ts';

const STATE_MS = 60_000;

/** What a control plane of the version before this one says, too. */
const viewSchema = computeSchema.pick({
  ...{ id: true, ip: true, state: true, reason: true, device: true, epoch: true, restarts: true },
});
type View = z.infer<typeof viewSchema>;

export interface SceneOptions {
  memoryBytes?: number;
  cpus?: number;
  restart?: 'no' | 'on-failure' | 'always';
  volumes?: { name: string; path: string }[];
  /** Id or name of a group that there is. */
  group?: string;
}

/** A client that has talked to the compute, and what became of it. */
export interface Talk {
  /** Ends it; `lost` connections and `wrong` answers must both be 0; `problems` says what was wrong. */
  close(): Promise<{ lost: number; wrong: number; requests: number; problems: string[] }>;
}

/** One compute of the sample application on a lab, as a test's subject. It starts on d1. */
export class SampleScene {
  readonly name: string;
  readonly #lab: TestLab;
  #compute: View | null = null;

  constructor(lab: TestLab, name: string) {
    this.#lab = lab;
    this.name = name;
  }

  get id(): string {
    return this.#view.id;
  }

  get ip(): string {
    return this.#view.ip;
  }

  async create({ restart = 'no', ...limits }: SceneOptions = {}): Promise<void> {
    const api = await this.#lab.api();
    await importSampleImage(this.#lab.lab, api, this.name);
    const restartPolicy = { name: restart, maximumRetries: 0 };
    const body = { name: this.name, image: this.name, device: 'd1', restartPolicy, ...limits };
    const { id } = acceptedSchema.parse(await api.request('POST', '/computes', body));
    this.#compute = await this.#state(id, 'running');
  }

  async show(): Promise<View> {
    const api = await this.#lab.api();
    return viewSchema.parse(await api.request('GET', `/computes/${this.id}`));
  }

  async move(target: string): Promise<Migration> {
    return moveCompute(await this.#lab.api(), this.id, target);
  }

  async stop(): Promise<void> {
    await (await this.#lab.api()).request('POST', `/computes/${this.id}/stop`);
    await this.#state(this.id, 'stopped');
  }

  async start(): Promise<void> {
    await (await this.#lab.api()).request('POST', `/computes/${this.id}/start`);
    await this.#state(this.id, 'running');
  }

  /** Nothing of it is left; safe when it was never made. */
  async remove(): Promise<void> {
    if (this.#compute === null) return;
    const api = await this.#lab.api();
    await removeCompute(api, this.id);
    this.#compute = null;
    await api.request('DELETE', `/images/${this.name}`);
  }

  /** What the application says of itself over HTTP, asked from the client host. */
  async status(): Promise<SampleStatus> {
    const program = `fetch('http://${this.ip}:${SAMPLE_HTTP_PORT}/', {signal: AbortSignal.timeout(2000)}).then((r) => r.text()).then(console.log)`;
    const { stdout } = await this.#lab.client([process.execPath, '-e', program]);
    return sampleStatusSchema.parse(JSON.parse(stdout));
  }

  /** Several connections that ask every 5 ms and check every answer. */
  async talk(): Promise<Talk> {
    const problems: string[] = [];
    const onProblem = (problem: string) => void problems.push(problem);
    const client = await DemoClient.start(this.#lab.lab, { host: this.ip, onProblem });
    return {
      close: async () => {
        const { connections, errors, requests } = await client.end();
        return { lost: connections.opened - connections.kept, wrong: errors, requests, problems };
      },
    };
  }

  #state(id: string, state: View['state']): Promise<View> {
    return until(
      `${this.name} to be ${state}`,
      STATE_MS,
      async () => {
        const compute = viewSchema.parse(await (await this.#lab.api()).request('GET', `/computes/${id}`));
        if (compute.state === 'failed') throw new Error(compute.reason);
        return compute.state === state ? compute : false;
      },
      100,
    );
  }

  get #view(): View {
    if (this.#compute === null) throw new Error('create the compute first');
    return this.#compute;
  }
}
