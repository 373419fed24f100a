import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { cut, heal, lose } from '../../lab/cable.ts';
import { PARTS, type Part } from '../../lab/device.ts';
import { onClient, onDevice, type Command as ShellCommand } from '../../lab/deviceProcess.ts';
import { downLab } from '../../lab/down.ts';
import { killPart, startParts } from '../../lab/power.ts';
import { makeProgress, type Progress } from '../../lab/progress.ts';
import { requireLab } from '../../lab/state.ts';
import { labStatus, type LabStatus } from '../../lab/status.ts';
import { MAX_DEVICES, labNameSchema } from '../../lab/topology.ts';
import { upLab } from '../../lab/up.ts';

interface Common {
  name: string;
  json?: boolean;
}

interface UpFlags extends Common {
  devices: number;
  network: 'flat';
  linkMbit?: number;
  rttMs?: number;
  diskGb: number;
  join: boolean;
  control: boolean;
}

/** Adds `drayage lab`: several devices, a client and a control plane on this machine. */
export function registerLab(program: Command): void {
  const lab = program
    .command('lab')
    .description('devices on this machine, for trials and tests (needs root)');
  registerUpDown(lab);
  registerRunning(lab);
  registerFaults(lab);
}

function registerUpDown(lab: Command): void {
  common(lab.command('up'))
    .description(
      'start devices, a client host and a control plane; join and approve the devices; sign the CLI in',
    )
    .option('--devices <n>', 'how many devices', wholeNumber(1, MAX_DEVICES), 2)
    .addOption(new Option('--network <kind>', 'how the devices are joined').choices(['flat']).default('flat'))
    .option('--link-mbit <n>', "limit each device's link, megabits per second in each direction", positive)
    .option('--rtt-ms <n>', 'round-trip time between any two hosts, milliseconds', positive)
    .option('--disk-gb <n>', "size of each device's disk; only what is written takes room", positive, 20)
    .option('--no-join', 'leave the devices without a node worker, so that none joins')
    .option('--no-control', 'start no control plane (and join nothing): devices and network only')
    .action(up);
  common(lab.command('down'))
    .description('remove the lab and all of its traces, from any state')
    .action(async (flags: Common) => {
      const there = await downLab(flags.name, progressOf());
      print(
        flags,
        { name: flags.name, removed: there },
        there ? `lab '${flags.name}' is gone` : `there is no lab '${flags.name}'`,
      );
    });
  common(lab.command('status'))
    .description('addresses, the admin account, and what runs')
    .action(async (flags: Common) => {
      const status = await labStatus(await requireLab(flags.name));
      print(flags, status, describe(status));
    });
}

async function up(flags: UpFlags): Promise<void> {
  const progress = progressOf();
  const { signal, done } = abortOnSignals(progress);
  try {
    const { lab, already } = await upLab(flags.name, flags, progress, signal);
    const status = await labStatus(lab);
    const heading = already
      ? `lab '${lab.name}' is up already; nothing was changed`
      : `lab '${lab.name}' is up`;
    print(flags, { ...status, already }, `${heading}\n${describe(status)}`);
  } finally {
    done();
  }
}

function registerRunning(lab: Command): void {
  common(lab.command('exec'))
    .description('run a command on a device')
    .argument('<device>')
    .argument('<command...>', 'after --')
    .action(async (device: string, command: string[], flags: Common) => {
      const environment = { TERM: process.env['TERM'] ?? 'dumb' };
      await become(await onDevice(await requireLab(flags.name), device, 'exec', command, environment));
    });
  common(lab.command('client'))
    .description(
      "run a command on a host beside the devices, on the computes' network, with this machine's files",
    )
    .argument('<command...>', 'after --')
    .action(async (command: string[], flags: Common) =>
      become(await onClient(await requireLab(flags.name), command)),
    );
}

function registerFaults(lab: Command): void {
  common(lab.command('kill'))
    .description('end a part of a device at once; `device` is a loss of power')
    .argument('<device>')
    .addOption(new Option('--part <part>', 'what to end').choices(['device', ...PARTS]).default('device'))
    .action(async (device: string, flags: Common & { part: Part | 'device' }) => {
      const ran = await killPart(await requireLab(flags.name), device, flags.part);
      const what = flags.part === 'device' ? device : `${flags.part} of ${device}`;
      print(flags, { device, part: flags.part, ran }, ran ? `${what} is killed` : `${what} did not run`);
    });
  common(lab.command('start'))
    .description('start whatever of a device does not run')
    .argument('<device>')
    .action(async (device: string, flags: Common) => {
      const record = await requireLab(flags.name);
      await progressOf().step(`starting ${device}`, () => startParts(record, device));
      print(flags, { device }, `${device} runs`);
    });
  common(lab.command('cut'))
    .description('cut the cable between two ends: devices, or `control`')
    .argument('<a>')
    .argument('<b>')
    .action(async (a: string, b: string, flags: Common) => {
      await cut(await requireLab(flags.name), a, b);
      print(flags, { cut: [a, b] }, `${a} and ${b} do not reach each other`);
    });
  common(lab.command('loss'))
    .description('lose a share of the frames between two ends, in each direction; 0 ends it')
    .argument('<a>')
    .argument('<b>')
    .argument('<percent>', '0 to 100', Number)
    .action(async (a: string, b: string, percent: number, flags: Common) => {
      await lose(await requireLab(flags.name), a, b, percent);
      print(flags, { loss: [a, b], percent }, `${percent} % of the frames between ${a} and ${b} are lost`);
    });
  common(lab.command('heal'))
    .description('end all cuts and losses')
    .action(async (flags: Common) => {
      await heal(await requireLab(flags.name));
      print(flags, { healed: true }, 'all cables are whole');
    });
}

function common(command: Command): Command {
  return command
    .addOption(new Option('--name <lab>', 'which lab').env('DRAYAGE_LAB').default('lab').argParser(labName))
    .option('--json', 'print JSON');
}

function labName(text: string): string {
  const name = labNameSchema.safeParse(text);
  if (name.success) return name.data;
  throw new InvalidArgumentError(`A lab's name ${name.error.issues[0]?.message ?? 'is not right'}.`);
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

/** Progress goes to stderr, so that stdout is the result alone. */
function progressOf(): Progress {
  return makeProgress((line) => process.stderr.write(`${line}\n`));
}

function print(flags: Common, value: unknown, text: string): void {
  process.stdout.write(`${flags.json === true ? JSON.stringify(value) : text}\n`);
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
