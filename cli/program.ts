import { readFileSync } from 'node:fs';
import { type Argument, Command } from 'commander';
import { examplesHelp } from './examples.ts';

type Define = (command: Command) => void;

interface Entry {
  /** Its name and arguments. */
  usage: string;
  description: string;
  group: string;
  /** What gives it its options and subcommands; it is loaded for the command that is used alone. */
  load: () => Promise<Define>;
}

const START = 'To begin:';
const COMPUTES = 'Computes and what they are made from:';
const MOVES = 'Moves:';
const MACHINES = 'Devices:';
const PEOPLE = 'Who may do what:';
const WATCHING = 'What happens:';
const SHELL = 'This program:';

/** In the order of the help. */
const ENTRIES: Entry[] = [
  {
    usage: 'lab',
    description: 'devices on this machine, for trials and tests (needs root)',
    group: START,
    load: async () => (await import('./commands/lab.ts')).defineLab,
  },
  {
    usage: 'register',
    description: 'make an account; the password is asked for, or DRAYAGE_PASSWORD',
    group: START,
    load: async () => (await import('./commands/login.ts')).defineRegister,
  },
  {
    usage: 'login',
    description: 'sign in; the password is asked for, or DRAYAGE_PASSWORD',
    group: START,
    load: async () => (await import('./commands/login.ts')).defineLogin,
  },
  {
    usage: 'app',
    description: 'applications: their files become an image and a compute',
    group: COMPUTES,
    load: async () => (await import('./commands/app.ts')).defineApp,
  },
  {
    usage: 'compute',
    description: "tenants' containers",
    group: COMPUTES,
    load: async () => (await import('./commands/compute.ts')).defineCompute,
  },
  {
    usage: 'image',
    description: 'what computes are made from',
    group: COMPUTES,
    load: async () => (await import('./commands/image.ts')).defineImage,
  },
  {
    usage: 'group',
    description: 'computes that are on one device and move as one',
    group: COMPUTES,
    load: async () => (await import('./commands/group.ts')).defineGroup,
  },
  {
    usage: 'volume',
    description: 'files of computes, which move with them',
    group: COMPUTES,
    load: async () => (await import('./commands/volume.ts')).defineVolume,
  },
  {
    usage: 'registry',
    description: 'credentials for the registries that images come from',
    group: COMPUTES,
    load: async () => (await import('./commands/registry.ts')).defineRegistry,
  },
  {
    usage: 'runtime',
    description: 'what applications are built on (the operator sets it)',
    group: COMPUTES,
    load: async () => (await import('./commands/runtime.ts')).defineRuntime,
  },
  {
    usage: 'migrate <compute>',
    description: 'move a running compute to another device',
    group: MOVES,
    load: async () => (await import('./commands/migrate.ts')).defineMigrate,
  },
  {
    usage: 'migration',
    description: 'moves of computes',
    group: MOVES,
    load: async () => (await import('./commands/migration.ts')).defineMigration,
  },
  {
    usage: 'evacuation',
    description: 'many moves with one purpose: off a device, back to it, to emptier ones',
    group: MOVES,
    load: async () => (await import('./commands/evacuation.ts')).defineEvacuation,
  },
  {
    usage: 'rebalance',
    description: 'move computes from full devices to emptier ones, where that pays',
    group: MOVES,
    load: async () => (await import('./commands/rebalance.ts')).defineRebalance,
  },
  {
    usage: 'schedule',
    description: 'evacuations and rebalances that begin by themselves at certain times',
    group: MOVES,
    load: async () => (await import('./commands/schedule.ts')).defineSchedule,
  },
  {
    usage: 'device',
    description: 'the machines that run computes',
    group: MACHINES,
    load: async () => (await import('./commands/device.ts')).defineDevice,
  },
  {
    usage: 'tenant',
    description: 'whose the computes are; DRAYAGE_TENANT names the one that commands are about',
    group: PEOPLE,
    load: async () => (await import('./commands/tenant.ts')).defineTenant,
  },
  {
    usage: 'token',
    description: 'secrets with which programs sign in',
    group: PEOPLE,
    load: async () => (await import('./commands/token.ts')).defineToken,
  },
  {
    usage: 'events',
    description: 'follow everything that changes, until Ctrl-C',
    group: WATCHING,
    load: async () => (await import('./commands/events.ts')).defineEvents,
  },
  {
    usage: 'webhook',
    description: 'where events are sent',
    group: WATCHING,
    load: async () => (await import('./commands/webhook.ts')).defineWebhook,
  },
  {
    usage: 'completion',
    description: 'print a script by which a shell completes the words of this program',
    group: SHELL,
    load: async () => (await import('./commands/completion.ts')).defineCompletion,
  },
];

/**
 * The CLI with all of its commands. Only the one that the words name is given its options and subcommands, the others have
 * but their names and descriptions; `all` gives every one everything.
 */
export async function buildProgram(words: readonly string[] | 'all'): Promise<Command> {
  const program = new Command('drayage')
    .description('Live migration for containers on edge devices.')
    .version(readVersion())
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm })
    // Before any command is added: they inherit it.
    .exitOverride()
    .addHelpCommand(
      new Command('help').argument('[command]').description('show the help of a command').helpGroup(SHELL),
    );
  for (const { usage, description, group, load } of ENTRIES) {
    const command = program.command(usage).description(description).helpGroup(group);
    if (words === 'all' || command.name() === commandOf(words)) (await load())(command);
  }
  finish(program, []);
  return program;
}

/** The command that the words use or ask help of. */
function commandOf(words: readonly string[]): string | undefined {
  const [first, second] = words.filter((word) => !word.startsWith('-'));
  return first === 'help' ? second : first;
}

/** Every command tells its examples at the end of its help, and where its help is when it is used wrongly. */
function finish(command: Command, path: string[]): void {
  const words = ['drayage', ...path].join(' ');
  command.showHelpAfterError(`(see \`${words} --help\`)`);
  command.addHelpText('after', () => examplesHelp(command, path));
  for (const child of command.commands) finish(child, [...path, child.name()]);
}

/** `migrate <compute>`: that there are options goes without saying. */
function subcommandTerm(command: Command): string {
  return [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' ');
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
