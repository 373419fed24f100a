import { spawn, type ChildProcess } from 'node:child_process';
import { beforeAll, afterAll, inject } from 'vitest';
import { cut, heal, lose } from '../../lab/cable.ts';
import { takeCensus, type Census } from '../../lab/census.ts';
import { controlApi, type ControlApi } from '../../lab/controlApi.ts';
import type { Part } from '../../lab/device.ts';
import { takeDeviceCensus, type DeviceCensus } from '../../lab/deviceCensus.ts';
import { onClient, onDevice, onSwitch, type Command } from '../../lab/deviceProcess.ts';
import { downLab } from '../../lab/down.ts';
import { run, type RunOptions, type RunResult } from '../../lab/machine/run.ts';
import { killPart, startParts } from '../../lab/power.ts';
import { makeProgress } from '../../lab/progress.ts';
import type { Lab } from '../../lab/state.ts';
import { upLab, type UpOptions } from '../../lab/up.ts';
import { patient } from './patience.ts';

/** A lab for tests. All names of devices are d1, d2, ... */
export interface TestLab {
  /** There once the file's `beforeAll` has run. */
  readonly lab: Lab;
  exec(device: string, command: string[], options?: RunOptions): Promise<RunResult>;
  client(command: string[], options?: RunOptions): Promise<RunResult>;
  /** Starts a program on the client host; the caller ends it. stdio are pipes. */
  spawnOnClient(command: string[]): Promise<ChildProcess>;
  /** Starts a program on the switch, whose cards are named for the devices; the caller ends it. */
  spawnOnSwitch(command: string[]): Promise<ChildProcess>;
  kill(device: string, part?: Part | 'device'): Promise<boolean>;
  start(device: string): Promise<void>;
  cut(a: string, b: string): Promise<void>;
  lose(a: string, b: string, percent: number): Promise<void>;
  heal(): Promise<void>;
  api(): Promise<ControlApi>;
  census(): Promise<Census>;
  deviceCensus(device: string): Promise<DeviceCensus>;
}

/** Longest time that a command on a device takes unless a test says otherwise, milliseconds. */
const EXEC_MS = 30_000;
/** Longest time until a lab is up, milliseconds. */
const UP_MS = 900_000;

const progress = makeProgress((line) => process.stderr.write(`${line}\n`));

/**
 * The lab that the files of one run share: two joined devices and a control plane. Made by the first file that asks for
 * it, removed at the end of the run. Each file finds it whole: every cable healed, every part running.
 */
export function withLab(): TestLab {
  return prepare(
    () => inject('labPrefix'),
    () => ({ guests: inject('labGuests') }),
    async (lab) => {
      await heal(lab);
      for (const device of lab.devices) await startParts(lab, device);
    },
  );
}

/** A lab of the file's own, gone after its last test. `suffix` tells several apart, at most six characters. */
export function withOwnLab(suffix: string, options: UpOptions): TestLab {
  const name = () => ownLabName(suffix);
  afterAll(() => downLab(name(), progress).then(() => {}));
  return prepare(
    name,
    () => options,
    () => Promise.resolve(),
  );
}

/** Name of a lab of the file's own, for tests that make it themselves; it is removed at the end of the run. */
export function ownLabName(suffix: string): string {
  return `${inject('labPrefix')}-${suffix}`;
}

function prepare(name: () => string, options: () => UpOptions, make: (lab: Lab) => Promise<void>): TestLab {
  let lab: Lab | null = null;
  beforeAll(async () => {
    lab = (await upLab(name(), options(), progress)).lab;
    await make(lab);
  }, patient(UP_MS));
  return testLab(() => {
    if (lab === null) throw new Error('The lab is there from beforeAll on.');
    return lab;
  });
}

function testLab(lab: () => Lab): TestLab {
  return {
    get lab() {
      return lab();
    },
    exec: async (device, command, options) =>
      runCommand(await onDevice(lab(), device, 'exec', command), { timeoutMs: patient(EXEC_MS), ...options }),
    client: async (command, options) => runCommand(await onClient(lab(), command), options),
    spawnOnClient: async (command) => spawnCommand(await onClient(lab(), command)),
    spawnOnSwitch: async (command) => spawnCommand(await onSwitch(lab(), command)),
    kill: (device, part = 'device') => killPart(lab(), device, part),
    start: (device) => startParts(lab(), device),
    cut: (a, b) => cut(lab(), a, b),
    lose: (a, b, percent) => lose(lab(), a, b, percent),
    heal: () => heal(lab()),
    api: () => controlApi(lab()),
    census: () => takeCensus(lab().name),
    deviceCensus: (device) => takeDeviceCensus(lab(), device),
  };
}

function runCommand([file, ...args]: Command, options?: RunOptions): Promise<RunResult> {
  return run(file, args, options);
}

function spawnCommand([file, ...args]: Command): ChildProcess {
  return spawn(file, args, { stdio: 'pipe' });
}
