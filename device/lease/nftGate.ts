import { z } from 'zod';
import { listTable, nft } from '../network/nft.ts';
import type { LeaseGate, Slot, Ticket } from './leaseGate.ts';

const TABLE = 'bridge drayage_lease';
const SLOTS = ['a', 'b'] as const satisfies Slot[];

/** Of what `nft -j list table` prints, the sets; an element with a timeout is an object, all others are names. */
const listedSchema = z.object({
  nftables: z.array(
    z.object({ set: z.object({ name: z.string(), elem: z.array(z.unknown()).optional() }).optional() }),
  ),
});

/**
 * The table: interfaces that are fenced, tickets that the kernel lets run out, and which of them are granted. Its chains come
 * before those of the device's other rules, which are replaced as a whole while this one stays.
 */
export function leaseTable(): string {
  const slots = SLOTS.map(
    (slot) => `
  set ticket_${slot} { type ifname; flags timeout; }
  set granted_${slot} { type ifname; }`,
  ).join('');
  return `table ${TABLE} {
  set fenced { type ifname; }${slots}

  chain prerouting {
    type filter hook prerouting priority -210; policy accept;
    iifname @fenced jump leaves
  }
  chain leaves {
    iifname @granted_a iifname @ticket_a return
    iifname @granted_b iifname @ticket_b return
    drop
  }
  chain forward {
    type filter hook forward priority -210; policy accept;
    oifname @fenced jump arrives
  }
  chain output {
    type filter hook output priority -210; policy accept;
    oifname @fenced jump arrives
  }
  chain arrives {
    oifname @granted_a oifname @ticket_a return
    oifname @granted_b oifname @ticket_b return
    drop
  }
}
`;
}

/** The fence of a real device: bridge rules of nftables, kept by the kernel whatever becomes of the worker. */
export const nftGate: LeaseGate = {
  async start() {
    const listed = await listTable(TABLE);
    if (listed === null) {
      await nft(leaseTable());
      return new Map();
    }
    const sets = new Map(
      listedSchema.parse(listed).nftables.flatMap(({ set }) => (set ? [[set.name, names(set.elem)]] : [])),
    );
    const slotOf = (veth: string) =>
      SLOTS.find((slot) => sets.get(`granted_${slot}`)?.includes(veth)) ?? null;
    return new Map((sets.get('fenced') ?? []).map((veth) => [veth, slotOf(veth)]));
  },
  fence: (veths) => change(veths.map((veth) => add('fenced', veth))),
  unfence: (veths) =>
    change(
      veths.flatMap((veth) => [
        ...remove('fenced', veth),
        ...SLOTS.flatMap((slot) => [...remove(`ticket_${slot}`, veth), ...remove(`granted_${slot}`, veth)]),
      ]),
    ),
  ticket: (tickets, ms) => change(ticketChanges(tickets, ms)),
  grant: (tickets) => change(grantChanges(tickets)),
};

/** A ticket that is there keeps its time: it goes first. */
export function ticketChanges(tickets: readonly Ticket[], ms: number): string[] {
  return tickets.flatMap(({ veth, slot }) => [
    ...remove(`ticket_${slot}`, veth),
    `add element ${TABLE} ticket_${slot} { "${veth}" timeout ${String(Math.floor(ms))}ms }`,
  ]);
}

/** The one for the other in one transaction: no frame meets neither. */
export function grantChanges(tickets: readonly Ticket[]): string[] {
  return tickets.flatMap(({ veth, slot }) => [
    add(`granted_${slot}`, veth),
    ...remove(`granted_${slot === 'a' ? 'b' : 'a'}`, veth),
  ]);
}

function add(set: string, veth: string): string {
  return `add element ${TABLE} ${set} { "${veth}" }`;
}

/** To take away what is not there is an error, and not every version of nft has a word for that: so it is put there first. */
function remove(set: string, veth: string): string[] {
  return [add(set, veth), `delete element ${TABLE} ${set} { "${veth}" }`];
}

async function change(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await nft(lines.join('\n') + '\n');
}

function names(elements: unknown[] = []): string[] {
  return elements.filter((one) => typeof one === 'string');
}
