import { MAX_FAKES } from '../../core/fakeOrders.ts';
import { readOptions, usageError, wholeNumber } from '../flags.ts';

export interface ScaleFlags {
  /** How many devices there are at each measurement, growing. */
  steps: number[];
  /** Of one measurement. */
  seconds: number;
  help: boolean;
}

const COMMAND = 'npm run bench:scale';
const DEFAULT_SECONDS = 40;
/** Fewer say nothing: what the processes need for themselves is most of it. */
const LEAST_DEVICES = 20;

export const USAGE = `Usage: npm run bench:scale -- --fake [--devices N] [--seconds N]

What the control plane needs of the machine for devices that send heartbeats and metrics, and wait for work: its processes
are measured at a quarter, half and all of N fake devices (50, 100 and 200). Prints a table and writes bench/results/scale.json.
Exits with 0 when processor time and memory of the API grow no faster than the devices, else with 1.

  --fake       the devices are fake: the real node worker, all in one process (needed: no others can be had)
  --devices N  at the last measurement, ${LEAST_DEVICES} to ${MAX_FAKES} (default 200)
  --seconds N  of each measurement, 10 to 600 (default ${DEFAULT_SECONDS})
`;

/** @throws DrayageError usage */
export function parseFlags(args: string[]): ScaleFlags {
  const { fake, devices, seconds, help } = readOptions(COMMAND, args, {
    fake: { type: 'boolean', default: false },
    devices: { type: 'string', default: '200' },
    seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
    help: { type: 'boolean', short: 'h', default: false },
  });
  const count = wholeNumber(COMMAND, '--devices', devices, LEAST_DEVICES, MAX_FAKES);
  if (!fake && !help) throw usageError(COMMAND, '--fake is needed: this is measured with fake devices');
  return {
    steps: [Math.ceil(count / 4), Math.ceil(count / 2), count],
    seconds: wholeNumber(COMMAND, '--seconds', seconds, 10, 600),
    help,
  };
}
