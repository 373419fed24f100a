import { afterAll, beforeAll, expect } from 'vitest';
import type { MigrateRequest } from '../../../core/api/migrations.ts';
import type { Migration } from '../../../core/migration.ts';
import { importImage } from '../../../lab/importImage.ts';
import { buildPagesImage } from '../../../lab/programs/buildPagesImage.ts';
import { ComputeScene, END_MS } from '../computeScene.ts';
import type { TestLab } from '../support.ts';
import { PagesClient } from './pagesClient.ts';

export interface PagesOptions {
  megabytes: number;
  /** Written anew all the time, megabytes a second. @default 0 */
  megabytesPerSecond?: number;
  cpus?: number;
}

/** A compute whose memory checks itself, with a client that looks at its pages all the time. */
export class PagesScene extends ComputeScene {
  readonly #name: string;
  #client: PagesClient | null = null;

  constructor(lab: TestLab, name: string) {
    super(lab);
    this.#name = name;
  }

  get client(): PagesClient {
    if (this.#client === null) throw new Error('There is a client within a test.');
    return this.#client;
  }

  /** Name of the device that the compute is not on. */
  async elsewhere(): Promise<string> {
    return (await this.show()).device.name === 'd1' ? 'd2' : 'd1';
  }

  async setUp({ megabytes, megabytesPerSecond = 0, ...limits }: PagesOptions): Promise<void> {
    const command = ['/bin/pages', String(megabytes), String(megabytesPerSecond)];
    const path = await buildPagesImage();
    await importImage(this.lab.lab, await this.lab.api(), { name: this.#name, command, path });
    await this.create({ name: this.#name, image: this.#name, ...limits });
    this.#client = await PagesClient.start(this.lab, this.compute.ip);
    // The program listens once it has filled its memory.
    expect(await this.client.wrongPages()).toBe(0);
  }

  async tearDown(): Promise<void> {
    await this.#client?.end();
    this.#client = null;
    await this.remove();
    await (await this.lab.api()).request('DELETE', `/images/${this.#name}`);
  }

  /** Moves it to the device that it is not on, and resolves with the record of a move that has ended. */
  async move(options: Omit<MigrateRequest, 'target'> = {}): Promise<Migration> {
    return this.ended(await this.start(await this.elsewhere(), options));
  }

  /** Every page holds what it has to, no answer was ever wrong, no connection was lost. */
  async expectMemoryRight(): Promise<void> {
    expect(await this.client.wrongPages(), 'wrong pages of all').toBe(0);
    const { wrong, requests } = await this.client.mark();
    expect(wrong, 'wrong answers').toBe(0);
    expect(requests, 'answers').toBeGreaterThan(0);
    expect(this.client.lost).toEqual([]);
  }

  /** `action` neither stopped the compute nor hid it from its client for longer than `mostMs`. */
  async expectUndisturbed(mostMs: number, action: () => Promise<unknown>): Promise<void> {
    await this.client.mark();
    await action();
    const { wrong, gapMs } = await this.client.mark();
    expect(wrong, 'wrong answers').toBe(0);
    expect(gapMs, 'the longest silence').toBeLessThan(mostMs);
    expect((await this.copies()).map(({ frozen }) => frozen)).toEqual([false]);
  }
}

/** A compute for the tests of a file: made before the first, removed after the last. `name` is the file's own. */
export function withPages(lab: TestLab, name: string, options: PagesOptions): PagesScene {
  const scene = new PagesScene(lab, name);
  beforeAll(() => scene.setUp(options), END_MS);
  afterAll(() => scene.tearDown(), 2 * END_MS);
  return scene;
}
