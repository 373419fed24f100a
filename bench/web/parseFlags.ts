import { MAX_FAKES } from '../../core/fakeOrders.ts';
import { readOptions, wholeNumber } from '../flags.ts';

export interface WebFlags {
  devices: number;
  /** How many computes there are at the end. */
  computes: number;
  /** Moves that run at a time. */
  moves: number;
  /** For how long the page is watched while they do. */
  minutes: number;
  help: boolean;
}

const COMMAND = 'npm run bench:web';

export const USAGE = `Usage: npm run bench:web [-- --devices N --computes N --moves N --minutes N]

What the dashboard's overview needs of a browser: fake devices, the real API, database and Temporal, and Debian's Chromium. How long
a person's actions take to be seen is measured with 20 computes and with all of them, while computes move; then the page is left
open while they go on moving, and its memory is measured. Prints the figures and writes bench/results/web.json. Exits with 0 when
all are met, else with 1.

  --devices N   fake devices, 4 to ${MAX_FAKES} (default 200)
  --computes N  40 to 10000 (default 2000)
  --moves N     that run at a time, 1 to 200 (default 50)
  --minutes N   that the page is left open, 1 to 60 (default 10)
`;

/** @throws DrayageError usage */
export function parseFlags(args: string[]): WebFlags {
  const { devices, computes, moves, minutes, help } = readOptions(COMMAND, args, {
    devices: { type: 'string', default: '200' },
    computes: { type: 'string', default: '2000' },
    moves: { type: 'string', default: '50' },
    minutes: { type: 'string', default: '10' },
    help: { type: 'boolean', short: 'h', default: false },
  });
  return {
    devices: wholeNumber(COMMAND, '--devices', devices, 4, MAX_FAKES),
    computes: wholeNumber(COMMAND, '--computes', computes, 40, 10_000),
    moves: wholeNumber(COMMAND, '--moves', moves, 1, 200),
    minutes: wholeNumber(COMMAND, '--minutes', minutes, 1, 60),
    help,
  };
}
