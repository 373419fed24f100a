import { parseArgs } from 'node:util';
import { DrayageError } from '../../core/cause.ts';

export interface DemoFlags {
  /** End after the moves, with nothing left. */
  once: boolean;
  /** One JSON line on stdout; all else goes to stderr. */
  json: boolean;
  moves: number;
  devices: number;
  help: boolean;
}

export const USAGE = `Usage: npm run demo -- [--once] [--json] [--moves N] [--devices N]

Devices on this machine, the sample application on one of them, a client that talks to it, and live moves meanwhile.

  --once       end after the moves and remove all that was made; otherwise the lab stays up until Ctrl-C
  --json       print the figures as one JSON line on stdout; all else goes to stderr
  --moves N    how many moves (default 10)
  --devices N  how many devices (default 2); with more, the moves go from each to the next
`;

const MEND = 'See: npm run demo -- --help';

/** @throws DrayageError usage */
export function parseFlags(args: string[]): DemoFlags {
  const { once, json, moves, devices, help } = parse(args);
  return {
    once,
    json,
    help,
    moves: wholeNumber('moves', moves, 1, 10_000),
    devices: wholeNumber('devices', devices, 2, 16),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        moves: { type: 'string', default: '10' },
        devices: { type: 'string', default: '2' },
      },
    }).values;
  } catch (error) {
    throw usageError((error as Error).message.split('. ')[0] ?? '');
  }
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw usageError(`--${flag} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
}

function usageError(message: string): DrayageError {
  return new DrayageError({ code: 'usage', message: `${message}.`, mend: MEND });
}
