import { execFile } from 'node:child_process';
import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { chooseTracker } from '../core/chooseTracker.ts';
import type { Inventory } from '../core/device.ts';
import { findNativePrograms } from './memory/nativePrograms.ts';
import { probeSoftDirty } from './memory/probeSoftDirty.ts';

const run = promisify(execFile);

/** What does not change while the worker runs, asked once. */
type Fixed = Omit<Inventory, 'memoryAvailableBytes' | 'diskBytes' | 'diskAvailableBytes'>;

export interface InventoryOptions {
  dockerSocket: string;
  linkAddress: string;
  version: string;
}

/** Describes this device to the control plane. */
export class InventoryReader {
  readonly #fixed: Fixed;
  /** Where the engine keeps images and containers. */
  readonly engineRoot: string;

  private constructor(fixed: Fixed, engineRoot: string) {
    this.#fixed = fixed;
    this.engineRoot = engineRoot;
  }

  /** Asks engine, CRIU and runc once. @throws when one of them is missing or does not answer */
  static async start({ dockerSocket, linkAddress, version }: InventoryOptions): Promise<InventoryReader> {
    const docker = new Docker({ socketPath: dockerSocket });
    const [info, engine, criu, runc, cpuinfo, dirtyTracker] = await Promise.all([
      docker.info() as Promise<{ CgroupVersion?: string; CgroupDriver: string; DockerRootDir: string }>,
      docker.version(),
      run('criu', ['--version']),
      run('runc', ['--version']),
      readFile('/proc/cpuinfo', 'utf8'),
      findTracker(),
    ]);
    const fixed: Fixed = {
      hostname: os.hostname(),
      architecture: process.arch,
      kernel: os.release(),
      engine: engine.Version,
      criu: firstVersion(criu.stdout),
      runc: firstVersion(runc.stdout),
      cgroupVersion: info.CgroupVersion === '2' ? '2' : '1',
      cgroupDriver: info.CgroupDriver,
      cpuFeatures: cpuFeatures(cpuinfo),
      cpus: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      dirtyTracker,
      linkAddress,
      version,
    };
    return new InventoryReader(fixed, info.DockerRootDir);
  }

  /** The inventory as of now. */
  async read(): Promise<Inventory> {
    const [meminfo, disk] = await Promise.all([readFile('/proc/meminfo', 'utf8'), statfs(this.engineRoot)]);
    return {
      ...this.#fixed,
      memoryAvailableBytes: Number(/^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0) * 1024,
      diskBytes: disk.blocks * disk.bsize,
      diskAvailableBytes: disk.bavail * disk.bsize,
    };
  }
}

/** Of a compute that has never moved. */
async function findTracker(): Promise<NonNullable<Inventory['dirtyTracker']>> {
  const [{ softDirty, words }, { memorySource }] = await Promise.all([
    probeSoftDirty(),
    findNativePrograms(),
  ]);
  const helper = memorySource !== null;
  const probes = { softDirty, softDirtyWords: words, watchable: false, helper };
  const { action, reason } = chooseTracker(probes);
  // What a probe that failed has said may be anything.
  return { name: action, reason: reason.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 500) };
}

/** The flags (x86) or Features (arm) of the first CPU, sorted. */
export function cpuFeatures(cpuinfo: string): string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  return line.split(/\s+/).filter(Boolean).sort();
}

function firstVersion(text: string): string {
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? '0';
}
