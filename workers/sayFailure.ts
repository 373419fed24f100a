import { DrayageError } from '../core/cause.ts';

/** A process that cannot go on says why: what is ours in its own words, anything else with where it came from. */
export function sayFailure(error: unknown): void {
  process.stderr.write(`${error instanceof DrayageError ? error.message : String((error as Error).stack)}\n`);
}
