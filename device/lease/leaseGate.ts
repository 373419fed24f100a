/** Which of two tickets of an interface counts. The other one is the next to be asked with. */
export type Slot = 'a' | 'b';

export interface Ticket {
  /** Name of an interface. */
  veth: string;
  slot: Slot;
}

/**
 * What shuts interfaces by itself. A fenced one lets frames through only while it is granted in a slot whose ticket has not
 * run out. A ticket's time begins when it is made: so it is made before a lease is asked for, and a grant, however late it is
 * put in force, lets nothing through for longer than the lease (DESIGN section 5, "absolute deadline").
 */
export interface LeaseGate {
  /** Is there from here on, with what an earlier worker has left. Resolves with the fenced interfaces and the slots they are granted in. */
  start(): Promise<Map<string, Slot | null>>;
  /** From here on these let nothing through without a lease. Those that are fenced keep what they have. */
  fence(veths: readonly string[]): Promise<void>;
  /** They need no lease any more. Nothing there is no error. */
  unfence(veths: readonly string[]): Promise<void>;
  /** Makes tickets that last for so long from now, milliseconds; one in the same slot is replaced. */
  ticket(tickets: readonly Ticket[], ms: number): Promise<void>;
  /** These count from here on, and not those in the other slots. */
  grant(tickets: readonly Ticket[]): Promise<void>;
}
