import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { DrayageError } from '../core/cause.ts';

/** What a benchmark was given, read by its options. `command`: how it is called. @throws DrayageError usage */
export function readOptions<const T extends ParseArgsOptionsConfig>(
  command: string,
  args: string[],
  options: T,
) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw usageError(command, (error as Error).message.split('. ')[0] ?? '');
  }
}

/** @throws DrayageError usage */
export function wholeNumber(
  command: string,
  flag: string,
  text: string,
  least: number,
  most: number,
): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const wanted = `a whole number from ${least} to ${most}`;
  throw usageError(command, `${flag} must be ${wanted}, not ${JSON.stringify(text)}`);
}

export function usageError(command: string, message: string): DrayageError {
  return new DrayageError({ code: 'usage', message: `${message}.`, mend: `See: ${command} -- --help` });
}
