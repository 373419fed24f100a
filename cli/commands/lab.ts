import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DrayageError } from '../../core/cause.ts';
import { MAX_FAKES } from '../../core/fakeOrders.ts';
import { apiUrl, readAdmin } from '../../lab/control.ts';
import { controlApi } from '../../lab/controlApi.ts';
import { cut, heal, lose } from '../../lab/cable.ts';
import { PARTS, type Part } from '../../lab/device.ts';
import { onClient, onDevice, type Command as ShellCommand } from '../../lab/deviceProcess.ts';
import { downLab } from '../../lab/down.ts';
import { killPart, startParts } from '../../lab/power.ts';
import { makeProgress, type Progress } from '../../lab/progress.ts';
import { setBases } from '../../lab/setBases.ts';
import { requireLab, type Lab } from '../../lab/state.ts';
import { labStatus, type LabStatus } from '../../lab/status.ts';
import { MAX_DEVICES, labNameSchema } from '../../lab/topology.ts';
import { upLab } from '../../lab/up.ts';
import { profileName, saveCredentials } from '../credentials.ts';
import { CommandFailed, Exit } from '../exit.ts';
import { print, subcommand } from '../output.ts';
import { positiveNumber, wholeNumber } from '../parse.ts';

interface Common {
  name: string;
  json?: boolean;
}

interface UpFlags extends Common {
  devices?: number;
  fake?: number;
  network: 'flat';
  linkMbit?: number;
  rttMs?: number;
  diskGb: number;
  join: boolean;
  control: boolean;
  guests?: 'x64' | 'arm64';
}

/** Adds `drayage lab`: several devices, a client and a control plane on this machine. */
export function defineLab(lab: Command): void {
  registerUpDown(lab);
  registerBases(lab);
  registerRunning(lab);
  registerPower(lab);
  registerFaults(lab);
}

function registerUpDown(lab: Command): void {
  common(lab, 'up', 'start devices, a client host and a control plane; join the devices; sign the CLI in')
    .option(
      '--devices <n>',
      'how many devices (default 2, or none beside fake ones)',
      wholeNumber(0, MAX_DEVICES),
    )
    .option(
      '--fake <n>',
      'devices that do not exist, with the real worker, all in one process',
      wholeNumber(1, MAX_FAKES),
    )
    .addOption(new Option('--network <kind>', 'how the devices are joined').choices(['flat']).default('flat'))
    .option(
      '--link-mbit <n>',
      "limit each device's link, megabits per second in each direction",
      positiveNumber,
    )
    .option('--rtt-ms <n>', 'round-trip time between any two hosts, milliseconds', positiveNumber)
    .option(
      '--disk-gb <n>',
      "size of each device's disk; only what is written takes room",
      positiveNumber,
      20,
    )
    .addOption(
      new Option(
        '--guests <processor>',
        'make the devices guests of QEMU, with kernels of their own (slow)',
      ).choices(['x64', 'arm64']),
    )
    .option('--no-join', 'join no device: they find the control plane and wait for `drayage device approve`')
    .option('--no-control', 'start no control plane (and join nothing): devices and network only')
    .action(refusing(up));
  common(lab, 'down', 'remove the lab and all of its traces, from any state').action(
    refusing(async (flags: Common) => {
      const removed = await downLab(flags.name, progressOf());
      if (removed) await saveCredentials(null, flags.name);
      const text = removed ? `lab '${flags.name}' is gone` : `there is no lab '${flags.name}'`;
      print(flags, { name: flags.name, removed }, () => text);
    }),
  );
  common(lab, 'status', 'addresses, the admin account, and what runs').action(
    refusing(async (flags: Common) => print(flags, await labStatus(await requireLab(flags.name)), describe)),
  );
}

function registerBases(lab: Command): void {
  common(
    lab,
    'bases',
    "give the control plane what applications are built on: Debian's Node.js and Python",
  ).action(
    refusing(async (flags: Common) => {
      const record = await requireLab(flags.name);
      const items = await setBases(record, await controlApi(record), progressOf());
      print(flags, { items }, () => items.map(({ runtime, digest }) => `${runtime}  ${digest}`).join('\n'));
    }),
  );
}

async function up(flags: UpFlags): Promise<void> {
  const progress = progressOf();
  const { signal, done } = abortOnSignals(progress);
  try {
    const { lab, already } = await upLab(flags.name, { ...flags, fakes: flags.fake }, progress, signal);
    if (!already && flags.control) await signIn(lab);
    const heading = already
      ? `lab '${lab.name}' is up already; nothing was changed`
      : `lab '${lab.name}' is up`;
    const status = await labStatus(lab);
    print(flags, { ...status, already }, () => `${heading}\n${describe(status)}`);
  } finally {
    done();
  }
}

/** So that the next command just works. */
async function signIn(lab: Lab): Promise<void> {
  const { token } = await controlApi(lab);
  await saveCredentials({ url: apiUrl(lab), token, email: (await readAdmin(lab))?.email }, lab.name);
}

function registerRunning(lab: Command): void {
  common(lab, 'exec <device> <command...>', 'run a command on a device; write -- before it').action(
    refusing(async (device: string, command: string[], flags: Common) => {
      const environment = { TERM: process.env['TERM'] ?? 'dumb' };
      await become(await onDevice(await requireLab(flags.name), device, 'exec', command, environment));
    }),
  );
  common(
    lab,
    'client <command...>',
    "run a command on a host beside the devices, with this machine's files",
  ).action(
    refusing(async (command: string[], flags: Common) => {
      await become(await onClient(await requireLab(flags.name), command));
    }),
  );
}

function registerPower(lab: Command): void {
  common(lab, 'kill <device>', 'end a part of a device at once; `device` is a loss of power')
    .addOption(new Option('--part <part>', 'what to end').choices(['device', ...PARTS]).default('device'))
    .action(
      refusing(async (device: string, flags: Common & { part: Part | 'device' }) => {
        const ran = await killPart(await requireLab(flags.name), device, flags.part);
        const what = flags.part === 'device' ? device : `${flags.part} of ${device}`;
        const result = { device, part: flags.part, ran };
        print(flags, result, () => (ran ? `${what} is killed` : `${what} did not run`));
      }),
    );
  common(lab, 'start <device>', 'start whatever of a device does not run').action(
    refusing(async (device: string, flags: Common) => {
      const record = await requireLab(flags.name);
      await progressOf().step(`starting ${device}`, () => startParts(record, device));
      print(flags, { device }, () => `${device} runs`);
    }),
  );
}

function registerFaults(lab: Command): void {
  common(lab, 'cut <a> <b>', 'cut the cable between two ends: devices, or `control`').action(
    refusing(async (a: string, b: string, flags: Common) => {
      await cut(await requireLab(flags.name), a, b);
      print(flags, { cut: [a, b] }, () => `${a} and ${b} do not reach each other`);
    }),
  );
  common(lab, 'loss <a> <b>', 'lose a share of the frames between two ends, in each direction')
    .requiredOption('--percent <n>', '0 to 100; 0 ends it', percentage)
    .action(
      refusing(async (a: string, b: string, flags: Common & { percent: number }) => {
        await lose(await requireLab(flags.name), a, b, flags.percent);
        const result = { loss: [a, b], percent: flags.percent };
        print(flags, result, () => `${flags.percent} % of the frames between ${a} and ${b} are lost`);
      }),
    );
  common(lab, 'heal', 'end all cuts and losses').action(
    refusing(async (flags: Common) => {
      await heal(await requireLab(flags.name));
      print(flags, { healed: true }, () => 'all cables are whole');
    }),
  );
}

function common(parent: Command, usage: string, description: string): Command {
  const name = new Option('--name <lab>', 'which lab').env('DRAYAGE_LAB').default('lab').argParser(labName);
  return subcommand(parent, usage, description).addOption(name);
}

/** What the lab declines with one of these is refused; any other failure is one. */
const REFUSALS = new Set([
  'labNotUp',
  'unknownDevice',
  'deviceOff',
  'deviceFake',
  'noSuchPart',
  'sameEnds',
  'noNetem',
  'noFreeSubnet',
  'noFreePort',
  'guestsJoin',
]);

/** The action of a command, its refusals with the exit code for them. */
function refusing<A extends unknown[]>(action: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (error) {
      if (!(error instanceof DrayageError) || !REFUSALS.has(error.cause_.code)) throw error;
      throw new CommandFailed(Exit.refused, [error.cause_], 'Refused');
    }
  };
}

function labName(text: string): string {
  const name = labNameSchema.safeParse(text);
  if (name.success) return name.data;
  throw new InvalidArgumentError(`A lab's name ${name.error.issues[0]?.message ?? 'is not right'}.`);
}

function percentage(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('It must be a number from 0 to 100.');
}

/** Progress goes to stderr, so that stdout is the result alone. */
function progressOf(): Progress {
  return makeProgress((line) => process.stderr.write(`${line}\n`));
}

function describe(status: LabStatus): string {
  const account =
    status.adminEmail === null ? 'no account yet' : `${status.adminEmail} / ${status.adminPassword}`;
  const devices = status.devices.map((device) => {
    const off = Object.entries(device.parts).flatMap(([part, pid]) => (pid === null ? [part] : []));
    return `  ${device.name}  ${device.address}  ${device.state}${off.length > 0 ? `  (not running: ${off.join(', ')})` : ''}`;
  });
  return [
    `api         ${status.api}  (${account})`,
    `temporal ui ${status.temporalUi}`,
    'devices',
    ...devices,
    // The CLI is signed in to each lab by its name.
    ...(status.name === profileName() ? [] : [`commands that ask its API take DRAYAGE_LAB=${status.name}`]),
  ].join('\n');
}

/** Runs the command with this process's terminal and ends with its exit code. */
async function become([file, ...args]: ShellCommand): Promise<void> {
  const child = spawn(file, args, { stdio: 'inherit' });
  // A terminal sends these to the command too; it decides, and its exit code is passed on.
  const ignore = () => {};
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, ignore);
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, ignore);
}

/** The first SIGINT or SIGTERM aborts, and the lab that was being made is removed. */
function abortOnSignals(progress: Progress): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const abort = () => {
    progress.say('stopped; removing what was made');
    controller.abort(new Error('Stopped by a signal.'));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, abort);
  return {
    signal: controller.signal,
    done: () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, abort);
    },
  };
}
