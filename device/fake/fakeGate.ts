import type { LeaseGate, Slot, Ticket } from '../lease/leaseGate.ts';

/** The fence of a device that does not exist: nothing goes through it, but it keeps what a kernel would. */
export class FakeGate implements LeaseGate {
  readonly #fenced = new Map<string, Slot | null>();
  /** When the ticket in a slot of an interface runs out, by the monotonic clock; milliseconds. */
  readonly #tickets = new Map<string, number>();

  async start(): Promise<Map<string, Slot | null>> {
    return new Map(this.#fenced);
  }

  async fence(veths: readonly string[]): Promise<void> {
    for (const veth of veths) if (!this.#fenced.has(veth)) this.#fenced.set(veth, null);
  }

  async unfence(veths: readonly string[]): Promise<void> {
    for (const veth of veths) this.#fenced.delete(veth);
  }

  async ticket(tickets: readonly Ticket[], ms: number): Promise<void> {
    for (const ticket of tickets) this.#tickets.set(keyOf(ticket), performance.now() + ms);
  }

  async grant(tickets: readonly Ticket[]): Promise<void> {
    for (const { veth, slot } of tickets) this.#fenced.set(veth, slot);
  }

  /** Whether frames of an interface would go through now. */
  letsThrough(veth: string): boolean {
    const slot = this.#fenced.get(veth);
    if (slot === undefined) return true;
    return slot !== null && (this.#tickets.get(keyOf({ veth, slot })) ?? 0) > performance.now();
  }

  losePower(): void {
    this.#fenced.clear();
    this.#tickets.clear();
  }
}

function keyOf({ veth, slot }: Ticket): string {
  return `${veth} ${slot}`;
}
