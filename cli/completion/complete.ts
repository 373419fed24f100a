import type { Argument, Command, Option } from 'commander';
import { CAPABILITIES, POLICIES } from './fixedValues.ts';
import type { LiveKind } from './liveNames.ts';

/** A word that may stand where the cursor is. */
export interface Candidate {
  value: string;
  description: string;
}

/** What may stand where the cursor is. */
export interface Completion {
  candidates: Candidate[];
  /** Names of these have to be asked for; they stand behind `lead`. */
  live?: { kind: LiveKind; lead: string; typed: string };
  /** The shell itself knows these. */
  paths?: 'files';
}

const NOTHING: Completion = { candidates: [] };
const LIVE: ReadonlySet<string> = new Set<LiveKind>([
  ...(['app', 'compute', 'device', 'evacuation', 'group', 'image', 'migration'] as const),
  ...(['registry', 'schedule', 'snapshot', 'tenant', 'token', 'volume', 'webhook'] as const),
]);
/** What is known of a value by what the help calls it, where its choices are not the option's own. */
const FIXED: Record<string, readonly string[]> = { capability: CAPABILITIES, policy: POLICIES };
/** Files of this machine, or folders. */
const PATHS: ReadonlySet<string> = new Set(['file', 'folder']);

/** The words before the cursor, read. */
interface Place {
  command: Command;
  /** Options that were given. */
  given: Set<Option>;
  /** The option whose value comes next. */
  waiting: Option | undefined;
  /** How many arguments of the command there are. */
  count: number;
  /** `--` was there: no options any more. */
  ended: boolean;
  /** `help` was there: only commands. */
  helping: boolean;
}

/** What the last of the words may become; the others are complete. Asks nobody and reads nothing. */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? '';
  const place = read(program, words.slice(0, -1));
  if (place.waiting) return valuesOf(placeholderOf(place.waiting), place.waiting.argChoices, typed);
  if (place.helping) return choose(commandsOf(place.command), typed);
  if (!place.ended && typed.startsWith('-')) return optionsOf(place, typed);
  if (place.command.commands.length > 0)
    return place.ended || place.count > 0 ? NOTHING : choose(commandsOf(place.command), typed);
  const argument = argumentAt(place.command, place.count);
  if (argument && (place.ended || !isCommandLine(argument)))
    return valuesOf(argument.name(), argument.argChoices, typed);
  // Nothing else can come: it is options that somebody looks for.
  return place.ended || typed !== '' ? NOTHING : optionsOf(place, '--');
}

function read(program: Command, words: readonly string[]): Place {
  const place: Place = {
    ...{ command: program, given: new Set<Option>(), waiting: undefined },
    ...{ count: 0, ended: false, helping: false },
  };
  for (const word of words) {
    if (place.waiting) place.waiting = undefined;
    else if (place.ended) place.count += 1;
    else if (word === '--') place.ended = true;
    else if (/^-./.test(word)) readOption(place, word);
    else readWord(place, word);
  }
  return place;
}

function readOption(place: Place, word: string): void {
  const [name, value] = word.split('=', 2);
  const option = place.command.options.find(({ long, short }) => long === name || short === name);
  if (!option) return;
  place.given.add(option);
  if (option.required && value === undefined) place.waiting = option;
}

function readWord(place: Place, word: string): void {
  const isRoot = place.command.parent === null;
  const child = place.count === 0 ? place.command.commands.find((one) => one.name() === word) : undefined;
  if (child) Object.assign(place, { command: child, given: new Set<Option>() });
  else if (isRoot && word === 'help') place.helping = true;
  else place.count += 1;
}

function commandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), description: child.description() }));
}

/** The options that begin so; those that say all by being there are offered once. */
function optionsOf({ command, given }: Place, typed: string): Completion {
  const options = command.createHelp().visibleOptions(command);
  const [name = '', value] = typed.split(/=(.*)/s, 2);
  if (value !== undefined) {
    const option = options.find(({ long }) => long === name);
    if (option?.required !== true) return NOTHING;
    return valuesOf(placeholderOf(option), option.argChoices, value, `${name}=`);
  }
  const left = options.filter((option) => option.required || !given.has(option));
  return choose(
    left.map(({ long, short, description }) => ({ value: long ?? short ?? '', description })),
    typed,
  );
}

/** What may stand for `<placeholder>`, behind `lead`. */
function valuesOf(
  placeholder: string,
  choices: readonly string[] | undefined,
  typed: string,
  lead = '',
): Completion {
  const fixed = choices ?? FIXED[placeholder] ?? [];
  const { candidates } = choose(
    fixed.map((value) => ({ value, description: '' })),
    typed,
  );
  const shown = candidates.map(({ value, description }) => ({ value: `${lead}${value}`, description }));
  if (isLive(placeholder)) return { candidates: shown, live: { kind: placeholder, lead, typed } };
  return PATHS.has(placeholder) ? { candidates: shown, paths: 'files' } : { candidates: shown };
}

const isLive = (placeholder: string): placeholder is LiveKind => LIVE.has(placeholder);

function choose(candidates: Candidate[], typed: string): Completion {
  return { candidates: candidates.filter(({ value }) => value.startsWith(typed)) };
}

function argumentAt({ registeredArguments: all }: Command, index: number): Argument | undefined {
  return all[index] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
}

/** `[command...]`: what another program than this one understands. */
const isCommandLine = (argument: Argument) => argument.variadic && argument.name() === 'command';

/** `device` of `--to <device>`. */
function placeholderOf({ flags }: Option): string {
  return /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1]?.toLowerCase() ?? '';
}
