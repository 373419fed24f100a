import { readOptions, usageError, wholeNumber } from './flags.ts';
import { CONTENDERS, LINK_NAMES, WORKLOADS } from './workloads.ts';

export interface BenchFlags {
  /** A short sample: one repeat of idle and 256 MB, unshaped. */
  quick: boolean;
  repeats: number;
  /** Names of links, workloads and contenders; empty for all. */
  only: string[];
  /** A lab that is up and stays so; null for one of the benchmark's own. */
  lab: string | null;
  help: boolean;
}

const NAMES: readonly string[] = [...LINK_NAMES, ...WORKLOADS.map(({ name }) => name), ...CONTENDERS];
const QUICK = ['unshaped', 'idle', '256mb'];
const DEFAULT_REPEATS = 5;

const COMMAND = 'npm run bench';

export const USAGE = `Usage: npm run bench -- [--quick] [--repeats N] [--only NAME,...] [--lab NAME]

Drayage beside Podman, Docker's own checkpoint and bare runc on this machine: the same programs under the same load, moved
over the same links, interleaved. Prints tables and writes bench/results/latest.json and a drawing per link and workload.
Exits with 0 when every figure of what was run could be taken and is met, else with 1; figures that need more are named.

  --quick      a short sample: ${QUICK.join(', ')}, once
  --repeats N  moves of each kind (default ${DEFAULT_REPEATS})
  --only NAMES only these, separated by commas: links (${LINK_NAMES.join(', ')}), workloads
               (${WORKLOADS.map(({ name }) => name).join(', ')}) and contenders (${CONTENDERS.join(', ')});
               of each of the three kinds all are taken when none is named
  --lab NAME   use this lab, which is up and has two devices or more, and leave it up
`;

/** @throws DrayageError usage */
export function parseFlags(args: string[]): BenchFlags {
  const { quick, help, only, repeats, lab } = readOptions(COMMAND, args, {
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
    only: { type: 'string', default: '' },
    repeats: { type: 'string' },
    lab: { type: 'string' },
  });
  const words = only.split(',').filter(Boolean);
  const unknown = words.find((word) => !NAMES.includes(word));
  if (unknown !== undefined) throw usageError(COMMAND, `--only knows no ${JSON.stringify(unknown)}`);
  const fewest = quick ? 1 : DEFAULT_REPEATS;
  const count = repeats === undefined ? fewest : wholeNumber(COMMAND, '--repeats', repeats, 1, 1_000);
  return { quick, help, lab: lab ?? null, repeats: count, only: words.length > 0 || !quick ? words : QUICK };
}
