import { CommanderError } from 'commander';
import { ProblemError } from '../client/problemError.ts';
import type { Problem } from '../core/api/common.ts';
import { statusOfCause } from '../core/api/statusOfCause.ts';
import { type Cause, DrayageError } from '../core/cause.ts';

/** Exit codes of CONTRACT. */
export const Exit = { done: 0, failed: 1, usage: 2, refused: 3, interrupted: 130 } as const;

/** What a command ends with, when it is not done. */
export class CommandFailed extends Error {
  readonly exitCode: number;
  readonly problem: Problem;

  constructor(exitCode: number, causes: Cause[], title: string) {
    super(title);
    this.name = 'CommandFailed';
    this.exitCode = exitCode;
    this.problem = problemOf(causes, title, exitCode === Exit.refused ? 409 : 500);
  }
}

/** A wrong call of the CLI, found after the options were read. */
export function usageError(message: string, mend = 'See `drayage help`.'): CommandFailed {
  return new CommandFailed(Exit.usage, [{ code: 'usage', message, mend }], 'Usage');
}

function problemOf(causes: Cause[], title: string, status: number): Problem {
  const detail = causes.map(({ message }) => message).join(' ');
  return { type: `urn:drayage:problem:${causes[0]?.code ?? 'internal'}`, title, status, detail, causes };
}

/** The problem document of any error, for `--json`. */
export function problemOfError(error: unknown): Problem {
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
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailed) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.done : Exit.usage;
  if (!(error instanceof ProblemError)) return Exit.failed;
  const { status } = error.problem;
  if (status === 400) return Exit.usage;
  return status > 400 && status < 500 && status !== 429 ? Exit.refused : Exit.failed;
}
