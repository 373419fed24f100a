import type { Problem } from '../core/api/common.ts';
import type { Cause } from '../core/cause.ts';

/** Exit codes; README.md tells of them. */
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

/** A problem document of the CLI's own, as the API's are. */
export function problemOf(causes: Cause[], title: string, status: number): Problem {
  const detail = causes.map(({ message }) => message).join(' ');
  return { type: `urn:drayage:problem:${causes[0]?.code ?? 'internal'}`, title, status, detail, causes };
}
