import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { until } from '../../core/until.ts';
import { DemoClient } from '../../lab/demo/demoClient.ts';
import { importSampleImage } from '../../lab/demo/sampleCompute.ts';
import { ComputeScene, END_MS } from './computeScene.ts';
import { SOON_MS } from './labFaults.ts';
import { patient } from './patience.ts';
import type { TestLab } from './support.ts';

/** Between two questions on a connection, milliseconds. */
const ASK_MS = 5;
/** A connection that had an answer within this is alive, milliseconds. */
const ALIVE_MS = 1_000;

/**
 * One compute of the sample application on d1 with a checking client, new for each test of the file; afterwards the
 * lab is mended, whatever the test has left.
 */
export class MigrationScene extends ComputeScene {
  readonly #name: string;
  #count = 0;
  #client: DemoClient | null = null;
  #problems: string[] = [];

  constructor(lab: TestLab, name: string) {
    super(lab);
    this.#name = name;
  }

  get client(): DemoClient {
    if (this.#client === null) throw new Error('There is a client within a test.');
    return this.#client;
  }

  async importImage(): Promise<void> {
    await importSampleImage(this.lab.lab, await this.lab.api(), this.#name);
  }

  async removeImage(): Promise<void> {
    await (await this.lab.api()).request('DELETE', `/images/${this.#name}`);
  }

  async setUp(): Promise<void> {
    const name = `${this.#name}-${(this.#count += 1)}`;
    await this.create({ name, image: this.#name });
    this.#problems = [];
    const onProblem = (problem: string) => void this.#problems.push(problem);
    const intervalMs = patient(ASK_MS);
    this.#client = await DemoClient.start(this.lab.lab, { host: this.compute.ip, intervalMs, onProblem });
  }

  async tearDown(): Promise<void> {
    await this.#client?.kill();
    this.#client = null;
    await this.remove();
  }

  /** Nobody has answered the client between two looks; `meanwhile` resolves between them. */
  async expectSilence(meanwhile: () => Promise<unknown>): Promise<void> {
    await this.client.mark('silence begins');
    await meanwhile();
    expect((await this.client.mark('silence ends')).requests, 'answers while nobody may answer').toBe(0);
  }

  /** Every connection is answered again. */
  async untilAnswered(): Promise<void> {
    const look = async () => (await this.client.mark('alive')).gapMs < ALIVE_MS;
    await until('every connection to be answered', SOON_MS, look, 300);
  }

  /** Every connection lives, was never lost, and had no wrong answer. The client has ended then. */
  async expectConnectionsKept(): Promise<void> {
    await this.untilAnswered();
    const { connections, errors, acknowledged, counter } = await this.client.end();
    expect(this.#problems).toEqual([]);
    expect(errors).toBe(0);
    expect(connections).toEqual({ opened: 5, kept: 5 });
    expect(counter, 'every count that was acknowledged, once').toBe(acknowledged);
  }
}

/** A scene for the tests of a file: its compute and client are new for each of them. `name` is the file's own. */
export function withScene(lab: TestLab, name: string): MigrationScene {
  const scene = new MigrationScene(lab, name);
  beforeAll(() => scene.importImage());
  beforeEach(() => scene.setUp(), END_MS);
  afterEach(() => scene.tearDown(), 2 * END_MS);
  afterAll(() => scene.removeImage());
  return scene;
}
