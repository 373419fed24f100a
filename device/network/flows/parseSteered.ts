import { z } from 'zod';
import type { Flow } from '../../../core/flow.ts';

const keySchema = z.object({
  elem: z.looseObject({
    val: z.object({
      concat: z.tuple([z.string(), z.enum(['tcp', 'udp']), z.number(), z.string(), z.number()]),
    }),
  }),
});
const tableSchema = z.object({
  nftables: z.array(
    z.looseObject({
      map: z.looseObject({ elem: z.array(z.tuple([keySchema, z.string()])).default([]) }).optional(),
      set: z.looseObject({ elem: z.array(keySchema).default([]) }).optional(),
    }),
  ),
});

export interface Steered {
  ip: string;
  flow: Flow;
  /** Not so: a connection that has ended, whose MAC the map has still. */
  lasts: boolean;
}

/** Reads the table of steering as nft prints it, JSON. */
export function parseSteered(table: unknown): Steered[] {
  const { nftables } = tableSchema.parse(table);
  const lasting = new Set(nftables.flatMap(({ set }) => set?.elem ?? []).map(nameOf));
  return nftables
    .flatMap(({ map }) => map?.elem ?? [])
    .map(([key, mac]) => {
      const [ip, protocol, sport, daddr, dport] = key.elem.val.concat;
      return { ip, flow: { protocol, sport, daddr, dport, mac }, lasts: lasting.has(nameOf(key)) };
    });
}

function nameOf({ elem }: z.infer<typeof keySchema>): string {
  return elem.val.concat.join(' ');
}
