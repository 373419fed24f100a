import { z } from 'zod';
import { CONTROL_PORT, deviceNameSchema } from './topology.ts';

/** One end of a cable that can be cut. */
export const endSchema = z.union([z.literal(CONTROL_PORT), deviceNameSchema]);

/** What is wrong between the ends of a lab's network; pairs have no direction. */
export const faultsSchema = z.object({
  cuts: z.array(z.tuple([endSchema, endSchema])).default([]),
  losses: z
    .array(z.object({ ends: z.tuple([endSchema, endSchema]), percent: z.number().min(0).max(100) }))
    .default([]),
});
export type Faults = z.infer<typeof faultsSchema>;

export const NO_FAULTS: Faults = { cuts: [], losses: [] };

/** With one more cut; the same pair twice is one cut. */
export function withCut(faults: Faults, a: string, b: string): Faults {
  return { ...faults, cuts: [...faults.cuts.filter((pair) => !samePair(pair, [a, b])), [a, b]] };
}

/** With that share of the frames between the two lost, in each direction; 0 ends it. */
export function withLoss(faults: Faults, a: string, b: string, percent: number): Faults {
  const others = faults.losses.filter((loss) => !samePair(loss.ends, [a, b]));
  return { ...faults, losses: percent > 0 ? [...others, { ends: [a, b], percent }] : others };
}

/** The faults as an nftables script that replaces whatever was there, at once. */
export function renderFaults(faults: Faults): string {
  const rules = [
    ...faults.cuts.flatMap((pair) => bothWays(pair).map((match) => `${match} drop`)),
    ...faults.losses.flatMap(({ ends, percent }) =>
      // In steps of a thousandth of a percent.
      bothWays(ends).map((match) =>
        percent === 100
          ? `${match} drop`
          : `${match} numgen random mod 100000 < ${Math.round(percent * 1000)} drop`,
      ),
    ),
  ];
  return [
    'table bridge faults',
    'delete table bridge faults',
    'table bridge faults {',
    '  chain forward {',
    '    type filter hook forward priority 0; policy accept;',
    ...rules.map((rule) => `    ${rule}`),
    '  }',
    '}',
    '',
  ].join('\n');
}

function bothWays([a, b]: readonly [string, string]): string[] {
  return [`iifname "${a}" oifname "${b}"`, `iifname "${b}" oifname "${a}"`];
}

function samePair(one: readonly [string, string], other: readonly [string, string]): boolean {
  return (one[0] === other[0] && one[1] === other[1]) || (one[0] === other[1] && one[1] === other[0]);
}
