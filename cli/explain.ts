import { CommanderError } from 'commander';
import { ProblemError } from '../client/problemError.ts';
import type { Problem } from '../core/api/common.ts';
import { statusOfCause } from '../core/api/statusOfCause.ts';
import { DrayageError } from '../core/cause.ts';
import { CommandFailed, Exit, problemOf } from './exit.ts';

/**
 * Prints what a command with these words has failed with: cause and mend for people, the problem document for programs.
 * Gives the exit code for it.
 */
export function explain(error: unknown, words: readonly string[]): number {
  const exitCode = exitCodeOf(error);
  const document = problemOfError(error);
  if (wantsJson(words)) process.stdout.write(`${JSON.stringify(document)}\n`);
  // Commander has said it already.
  if (error instanceof CommanderError) return exitCode;
  for (const { message, mend } of document.causes)
    process.stderr.write(`drayage: ${message}${mend === '' ? '' : `\n  ${mend}`}\n`);
  if (process.env['DRAYAGE_DEBUG'] !== undefined) process.stderr.write(`${String((error as Error).stack)}\n`);
  return exitCode;
}

/** Whether `--json` stands among the CLI's own words: after `--` they are the compute's. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return words.slice(0, end === -1 ? undefined : end).includes('--json');
}

/** The problem document of any error, for `--json`. */
function problemOfError(error: unknown): Problem {
  if (error instanceof ProblemError || error instanceof CommandFailed) return error.problem;
  if (error instanceof DrayageError)
    return problemOf([error.cause_], 'Error', statusOfCause(error.cause_.code));
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '');
    return problemOf([{ code: 'usage', message, mend: 'See `drayage help`.' }], 'Usage', 400);
  }
  return problemOf([{ code: 'internal', message: String((error as Error).message), mend: '' }], 'Error', 500);
}

/** 400 is a wrong use, other refusals of the API are 3, and what it could not do is 1. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailed) return error.exitCode;
  if (error instanceof CommanderError) return Exit.usage;
  if (!(error instanceof ProblemError)) return Exit.failed;
  const { status } = error.problem;
  if (status === 400) return Exit.usage;
  return status > 400 && status < 500 && status !== 429 ? Exit.refused : Exit.failed;
}
