import { stripVTControlCharacters } from 'node:util';
import type { Command } from 'commander';
import { type Candidate, complete, type Completion } from './complete.ts';
import type { Named } from './liveNames.ts';

/**
 * Answers a shell what the last of the words may become: a line each, with a tab before its description, and last of all
 * `:files` when the shell is to offer those. Never fails, never says why there is nothing.
 */
export async function answerShell(
  words: readonly string[],
  build: (words: readonly string[]) => Promise<Command>,
): Promise<void> {
  const completion = complete(await build(words.slice(0, -1)), words);
  const live = completion.live ? await ask(completion.live) : [];
  const lines = [...completion.candidates, ...live].map(lineOf);
  if (completion.paths !== undefined) lines.push(`:${completion.paths}`);
  process.stdout.write(lines.map((line) => `${line}\n`).join(''), end);
}

/** Ends at once. A host name that is being looked up cannot be given up, and an orderly end would wait for it, for seconds. */
function end(): void {
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) process.kill(process.pid, 'SIGKILL');
  else process.exit(0);
}

async function ask({ kind, lead, typed }: NonNullable<Completion['live']>): Promise<Candidate[]> {
  const { liveNames } = await import('./liveNames.ts');
  return candidatesOf(await liveNames(kind), typed).map(({ value, description }) => ({
    value: `${lead}${value}`,
    description,
  }));
}

/** Those that begin so: by name, or by id when no name does or there are no names. */
export function candidatesOf(all: readonly Named[], typed: string): Candidate[] {
  const by = (key: 'name' | 'id') =>
    all.flatMap(({ [key]: value, about }) =>
      value?.startsWith(typed) === true ? [{ value, description: about }] : [],
    );
  const named = by('name');
  return named.length > 0 || (typed === '' && all.some(({ name }) => name !== undefined)) ? named : by('id');
}

/** Nothing that somebody has called something may mean more to a shell or a terminal than letters. */
function lineOf({ value, description }: Candidate): string {
  const clean = (text: string) => stripVTControlCharacters(text).replace(/\p{Cc}+/gu, ' ');
  return `${clean(value)}\t${clean(description)}`;
}
