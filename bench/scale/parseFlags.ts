import { MAX_FAKES } from '../../core/fakeOrders.ts';
import { readOptions, wholeNumber } from '../flags.ts';

export interface ScaleFlags {
  /** How many devices there are at each step, growing. */
  steps: number[];
  /** At the last step; before it in proportion. */
  computes: number;
  /** That are asked for at once. */
  moves: number;
  /** Devices that are emptied at once, at the last step. */
  evacuate: number;
  /** That an idle control plane is measured for. */
  seconds: number;
  help: boolean;
}

const COMMAND = 'npm run bench:scale';
const DEFAULT_SECONDS = 30;
/** There are four kinds of fake devices, and moves between devices of the same kind only: of a tenth there have to be two each. */
const LEAST_DEVICES = 80;
/** A step is the last one's tenth. */
const TENTH = 10;

export const USAGE = `Usage: npm run bench:scale -- [--devices N] [--computes N] [--moves N] [--evacuate N] [--seconds N]

What the control plane needs of the machine, on fake devices (the real node worker, all in one process) and the real API, Temporal
and PostgreSQL: at a tenth of the devices and computes and at all of them. Each time it is measured idle, then while moves are
made at once; at the end devices are emptied at once. Prints a table, the figures and the slowest queries with their plans, and
writes bench/results/scale.json. Exits with 0 when all moves and evacuations end well, moves are made as fast with all devices as
with a tenth, and nothing grows faster than the devices; else with 1.

  --devices N   at the last step, ${LEAST_DEVICES} to ${MAX_FAKES} (default ${MAX_FAKES})
  --computes N  at the last step, up to 20000 (default ten for each device)
  --moves N     at once, 1 to 500 (default 200)
  --evacuate N  devices that are emptied at once, 0 to 200 (default one in twenty)
  --seconds N   of an idle measurement, 10 to 600 (default ${DEFAULT_SECONDS})
  --fake        is taken and means nothing: there are no others
`;

/** @throws DrayageError usage */
export function parseFlags(args: string[]): ScaleFlags {
  const given = readOptions(COMMAND, args, {
    fake: { type: 'boolean', default: true },
    devices: { type: 'string', default: String(MAX_FAKES) },
    computes: { type: 'string' },
    moves: { type: 'string', default: '200' },
    evacuate: { type: 'string' },
    seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
    help: { type: 'boolean', short: 'h', default: false },
  });
  const number = (flag: string, text: string, least: number, most: number) =>
    wholeNumber(COMMAND, flag, text, least, most);
  const devices = number('--devices', given.devices, LEAST_DEVICES, MAX_FAKES);
  return {
    steps: [Math.ceil(devices / TENTH), devices],
    computes: number('--computes', given.computes ?? String(10 * devices), 1, 20_000),
    moves: number('--moves', given.moves, 1, 500),
    evacuate: number(
      '--evacuate',
      given.evacuate ?? String(Math.ceil(devices / 20)),
      0,
      Math.min(200, devices - 1),
    ),
    seconds: number('--seconds', given.seconds, 10, 600),
    help: given.help,
  };
}
