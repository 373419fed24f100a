import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Inventory } from '../../core/device.ts';
import type { Counters } from '../../core/metrics.ts';
import { CheckpointStore } from '../checkpoints/checkpointStore.ts';
import type { Device, Machine } from '../device.ts';
import { Failpoints } from '../failpoints.ts';
import { Leases } from '../lease/leases.ts';
import { PeerLeases } from '../lease/peerLeases.ts';
import { Containers } from './containers.ts';
import { fakeBuilder } from './fakeBuilder.ts';
import { FakeEngine } from './fakeEngine.ts';
import { FakeSource, FakeTarget } from './fakeMembers.ts';
import { FakeMemory, fakePages } from './fakeMemory.ts';
import { fakeSnapshots } from './fakeSnapshots.ts';
import { FakeGate } from './fakeGate.ts';
import { fakeInventory } from './inventory.ts';
import { Life } from './life.ts';
import { Random } from './random.ts';
import { Wave } from './wave.ts';

const FILES_BYTES_PER_SECOND = 118_000_000;

export interface FakeOptions {
  name: string;
  /** From 0: says which kind of device it is. */
  index: number;
  linkAddress: string;
  version: string;
  runDir: string;
  /** Whoever runs its worker: the device has lost its power. */
  onPowerLost: () => void;
}

/**
 * A device that does not exist, for dashboards and scale. Its worker, link, journal and certificate are real; containers,
 * memory and files are not: they have states, take time, have figures, and fail when told (`told.ts`).
 */
export class FakeMachine {
  readonly #options: FakeOptions;
  readonly #containers = new Containers();
  readonly #gate = new FakeGate();
  readonly #idle: Inventory;
  readonly #cpu: Wave;
  readonly #traffic: Wave;
  readonly #bootedAt = performance.now();
  #life = new Life();

  constructor(options: FakeOptions) {
    this.#options = options;
    this.#idle = fakeInventory(options.index, options);
    const random = new Random(`load of ${options.name}`);
    this.#cpu = new Wave(random, random.between(0.05, 0.4) * this.#idle.cpus);
    this.#traffic = new Wave(random, random.between(10_000, 2_000_000));
  }

  /** For one worker, from its start to `endWorker`. */
  async open(): Promise<Machine> {
    const life = new Life();
    this.#life = life;
    await mkdir(this.#options.runDir, { recursive: true });
    return {
      inventory: async () => this.#inventory(),
      join: async () => this.#device(life, await this.#leases()),
      release: async () => life.end(),
    };
  }

  /** Has these run from now on. */
  hold(computes: readonly ComputeSpec[]): void {
    for (const spec of computes) this.#containers.run(this.#containers.create(spec));
  }

  /** The worker is gone, what runs goes on. */
  endWorker(): void {
    this.#life.end();
  }

  /** After `endWorker`: what runs ends, what is in memory goes. */
  async losePower(): Promise<void> {
    this.#containers.losePower();
    this.#gate.losePower();
    // On tmpfs.
    await rm(join(this.#options.runDir, 'images'), { recursive: true, force: true });
  }

  async #leases(): Promise<Leases> {
    const leases = new Leases(this.#gate, join(this.#options.runDir, 'lease.json'));
    await leases.start(this.#containers.all().map(({ spec }) => spec));
    return leases;
  }

  #device(life: Life, leases: Leases): Device {
    const containers = this.#containers;
    const memory = new FakeMemory(containers, life);
    const { runDir, onPowerLost } = this.#options;
    const deps = { runDir, containers, memory, life, losePower: onPowerLost };
    return {
      engine: new FakeEngine(containers, life),
      builder: fakeBuilder,
      leases,
      checkpoints: new CheckpointStore(join(runDir, 'checkpoints')),
      peerLeases: new PeerLeases(runDir),
      network: fakeNetwork(life, leases),
      memory,
      pages: fakePages(containers, life),
      files: this.#files(life),
      snapshots: fakeSnapshots,
      members: {
        source: (request, spec) => new FakeSource(deps, request, spec),
        target: (request, spec) => new FakeTarget(deps, request, spec),
      },
      usage: async (spec) => this.#usage(spec.id, spec.name),
      descriptors: async (computeId) => ((containers.find(computeId)?.pid ?? 0) > 0 ? [] : null),
      hasForeigners: () => Promise.resolve(false),
      endForeigners: () => life.lives(),
      throttle: () => life.lives(),
      followNetwork: () => life.lives(),
      async releaseFrozen(computeId) {
        const container = containers.find(computeId);
        if (container?.state === 'paused') containers.end(container, 137, true);
      },
      counters: async () => this.#counters(),
      computeCounters: async (computeId) => {
        const container = containers.find(computeId);
        return container && container.pid > 0 ? container.program.counters() : null;
      },
      failpoint: async (point) => (await Failpoints.load(runDir)).hit(point),
      serve: async () => false,
      close: () => undefined,
    };
  }

  #files(life: Life): Device['files'] {
    return {
      expect: () => life.lives(),
      expects: () => false,
      forget: () => life.lives(),
      send: async ({ computeId }, progress) => {
        const bytes = this.#containers.find(computeId)?.program.diskBytes ?? 0;
        await life.takes((bytes / FILES_BYTES_PER_SECOND) * 1000);
        progress(bytes);
        return bytes;
      },
    };
  }

  #usage(id: string, name: string): Awaited<ReturnType<Device['usage']>> {
    const container = this.#containers.find(id);
    if (!container || container.pid === 0)
      return { name, running: false, memoryBytes: 0, diskBytes: 0, blockers: [] };
    const { memoryBytes, diskBytes, told } = container.program;
    const blockers =
      told.FAKE_MOVE === 'refuse'
        ? [
            {
              code: 'ioUring',
              message: `Compute ${name} uses io_uring, which CRIU cannot dump.`,
              mend: 'Make it without FAKE_MOVE=refuse.',
            },
          ]
        : [];
    return { name, running: true, memoryBytes, diskBytes, blockers };
  }

  #running() {
    return this.#containers.all().filter(({ pid }) => pid > 0);
  }

  #inventory(): Inventory {
    const used = this.#running().reduce((sum, { program }) => sum + program.memoryBytes, 0);
    const memoryAvailableBytes = Math.max(0, Math.round(this.#idle.memoryAvailableBytes - used));
    return { ...this.#idle, memoryAvailableBytes };
  }

  #counters(): Counters {
    const seconds = (performance.now() - this.#bootedAt) / 1000;
    const { memoryBytes, memoryAvailableBytes, diskBytes, diskAvailableBytes } = this.#inventory();
    const traffic = Math.round(this.#traffic.until(seconds));
    return {
      atMs: performance.now(),
      cpuSeconds: this.#cpu.until(seconds),
      receivedBytes: traffic,
      sentBytes: Math.round(traffic / 2),
      memoryBytes: memoryBytes - memoryAvailableBytes,
      diskBytes: diskBytes - diskAvailableBytes,
    };
  }
}

/** Nothing is on it but the fence. */
function fakeNetwork(life: Life, leases: Leases): Device['network'] {
  return {
    prepare: async (spec) => {
      await life.lives();
      await leases.fence(spec);
    },
    open: () => life.lives(),
    remove: async (computeId) => {
      await life.lives();
      await leases.unfence(computeId);
    },
  };
}
