import { parseArgs } from 'node:util';
import { DrayageError } from '../core/cause.ts';
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
  const { quick, help, only, repeats, lab } = parse(args);
  const words = only.split(',').filter(Boolean);
  const unknown = words.find((word) => !NAMES.includes(word));
  if (unknown !== undefined) throw usageError(`--only knows no ${JSON.stringify(unknown)}`);
  const count = repeats === undefined ? (quick ? 1 : DEFAULT_REPEATS) : Number(repeats);
  if (!Number.isInteger(count) || count < 1 || count > 1_000)
    throw usageError(`--repeats must be a whole number from 1 to 1000, not ${JSON.stringify(repeats)}`);
  return { quick, help, lab: lab ?? null, repeats: count, only: words.length > 0 || !quick ? words : QUICK };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string', default: '' },
        repeats: { type: 'string' },
        lab: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw usageError((error as Error).message.split('. ')[0] ?? '');
  }
}

function usageError(message: string): DrayageError {
  return new DrayageError({ code: 'usage', message: `${message}.`, mend: 'See: npm run bench -- --help' });
}
