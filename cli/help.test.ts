import { CommanderError, type Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { examplesOf, namesWithExamples } from './examples.ts';
import { buildProgram } from './program.ts';

interface Walked {
  command: Command;
  path: string[];
}

function walk(command: Command, path: string[] = []): Walked[] {
  return [{ command, path }, ...command.commands.flatMap((child) => walk(child, [...path, child.name()]))];
}

const program = await buildProgram('all');
const all = walk(program);
const leaves = all.filter(({ command }) => command.commands.length === 0);
const nameOf = ({ path }: Walked) => path.join(' ');

/** The words of an example's part that is ours, without quotes. */
function wordsOf(line: string): string[] {
  const [, ours = ''] = /(?:^|\| |<\(|')drayage ([^|<>)]*)/.exec(line) ?? [];
  return [...ours.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

/** Reads the words as the CLI does, but for doing anything; gives the words of the command that would have run. */
async function whichRuns(words: string[]): Promise<string> {
  const fresh = await buildProgram('all');
  let ran = 'none';
  for (const { command, path } of walk(fresh)) {
    command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    if (command.commands.length === 0) command.action(() => void (ran = path.join(' ')));
  }
  await fresh.parseAsync(words, { from: 'user' });
  return ran;
}

describe('every command', () => {
  it('has a description, and so has each of its options', () => {
    expect(leaves.length).toBeGreaterThan(50);
    for (const one of all) {
      expect(one.command.description(), nameOf(one)).not.toBe('');
      for (const { flags, description } of one.command.options)
        expect(description, `${nameOf(one)} ${flags}`).not.toBe('');
    }
  });

  it('has one to three examples, at the end of its help', () => {
    for (const one of all) {
      const examples = examplesOf(one.command, one.path);
      expect(examples.length, nameOf(one)).toBeGreaterThan(0);
      expect(examples.length, nameOf(one)).toBeLessThanOrEqual(3);
      let help = '';
      one.command.configureOutput({ writeOut: (text) => (help += text) });
      one.command.outputHelp();
      expect(help.trimEnd().endsWith(examples.at(-1)![1]), nameOf(one)).toBe(true);
    }
    const names = all.map(nameOf);
    expect(namesWithExamples().filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(leaves.map((one) => [nameOf(one), one] as const))(
    '%s can be used as its examples say',
    async (name, one) => {
      for (const [, line] of examplesOf(one.command, one.path))
        expect(await whichRuns(wordsOf(line)), line).toBe(name);
    },
  );

  it('is looked for among those that there are', async () => {
    await expect(whichRuns(['device', 'lss'])).rejects.toThrow('Did you mean ls?');
    await expect(whichRuns(['migrat', 'web'])).rejects.toThrow('Did you mean migrate?');
    await expect(whichRuns(['migrate', 'web', '--dryrun'])).rejects.toThrow(CommanderError);
    await expect(whichRuns(['migrate', 'web', '--dryrun'])).rejects.toThrow('Did you mean --dry-run?');
  });
});

describe('a part of the program', () => {
  it('has all that the whole one has of the command it was made for', async () => {
    for (const words of [
      ['device', 'ls'],
      ['help', 'device'],
      ['--json', 'device'],
    ]) {
      const part = await buildProgram(words);
      const names = (of: Command) => of.commands.map((command) => command.name());
      expect(names(part)).toEqual(names(program));
      const device = part.commands.find((command) => command.name() === 'device')!;
      expect(names(device)).toEqual(names(program.commands.find((command) => command.name() === 'device')!));
      expect(part.commands.find((command) => command.name() === 'image')!.commands).toEqual([]);
    }
  });
});
