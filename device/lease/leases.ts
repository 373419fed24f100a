import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { LEASE_MS } from '../../core/lease.ts';
import { readStored, writeStored } from '../control/storedFile.ts';
import { vethName } from '../network/vethName.ts';
import type { LeaseGate, Slot, Ticket } from './leaseGate.ts';

/** Tickets that were made before a lease was asked for. */
export type Asked = ReadonlyMap<string, Ticket>;

const keptSchema = z.object({ told: z.number().int().nullable(), held: z.number().int().nullable() });
type Kept = z.infer<typeof keptSchema>;

type Owner = Pick<ComputeSpec, 'id' | 'protection'>;

/**
 * The computes of this device that may be started elsewhere when it is lost: they can be reached only while they have a lease,
 * and the kernel sees to it, whether a worker runs or not. Others have none of this.
 */
export class Leases {
  readonly #gate: LeaseGate;
  /** By compute: in which slot it was granted last. */
  readonly #fenced = new Map<string, Slot | null>();
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #wanted: () => void = () => undefined;
  readonly #path: string;
  #kept: Kept = { told: null, held: null };
  /** Computes that are another device's now, by the control plane's last word. */
  readonly #withheld = new Set<string>();

  /** @param path file in which the generations are kept, for a worker that starts while the control plane is away */
  constructor(gate: LeaseGate, path: string) {
    this.#gate = gate;
    this.#path = path;
  }

  /** The generation of this device's lease, as the control plane said last; null: it never has. */
  get told(): number | null {
    return this.#kept.told;
  }

  /** The one under which it granted one last: with no other are peers asked, for with its grant it says what is another's now. */
  get held(): number | null {
    return this.#kept.held;
  }

  /** The control plane says which generation it is. @throws DrayageError when it could not be kept */
  async learn(generation: number): Promise<void> {
    await this.#keep({ ...this.#kept, told: generation });
  }

  async #keep(kept: Kept): Promise<void> {
    if (kept.told === this.#kept.told && kept.held === this.#kept.held) return;
    this.#kept = kept;
    await this.#inTurn(() => writeStored(this.#path, kept));
  }

  /** Takes over what an earlier worker has left, for the computes that are here. Before any gate is opened. @throws DrayageError */
  async start(here: readonly Owner[]): Promise<void> {
    await this.#inTurn(async () => {
      this.#kept = (await readStored(this.#path, keptSchema)) ?? this.#kept;
      const found = await this.#gate.start();
      const fenced = new Map(here.filter(isLeased).map(({ id }) => [vethName(id), id]));
      await this.#gate.unfence([...found.keys()].filter((veth) => !fenced.has(veth)));
      await this.#gate.fence([...fenced.keys()].filter((veth) => !found.has(veth)));
      for (const [veth, id] of fenced) this.#fenced.set(id, found.get(veth) ?? null);
    });
  }

  /** Calls back when a compute waits for its first lease. */
  onWanted(wanted: () => void): void {
    this.#wanted = wanted;
  }

  /** Before a compute's interface is put on the network: from here on it lets nothing through without a lease. @throws DrayageError */
  async fence(owner: Owner): Promise<void> {
    if (!isLeased(owner) || this.#fenced.has(owner.id)) return;
    await this.#inTurn(async () => {
      await this.#gate.fence([vethName(owner.id)]);
      this.#fenced.set(owner.id, null);
    });
    this.#wanted();
  }

  /** Its interface is gone. */
  async unfence(computeId: string): Promise<void> {
    if (!this.#fenced.has(computeId)) return;
    await this.#inTurn(async () => {
      await this.#gate.unfence([vethName(computeId)]);
      this.#fenced.delete(computeId);
    });
  }

  get any(): boolean {
    return this.#fenced.size > 0;
  }

  /** Makes the tickets to ask with; what is asked for lasts from here. @throws DrayageError */
  async prepare(): Promise<Asked> {
    return this.#inTurn(async () => {
      const asked = new Map(
        [...this.#fenced].map(([id, slot]) => [id, { veth: vethName(id), slot: slot === 'a' ? 'b' : 'a' }]),
      ) satisfies Map<string, Ticket>;
      await this.#gate.ticket([...asked.values()], LEASE_MS);
      return asked;
    });
  }

  /**
   * Puts in force what the control plane has granted, under this generation, for those that are still here and not, by its word,
   * another device's. @throws DrayageError
   */
  async grant(asked: Asked, generation: number, without: readonly string[] = []): Promise<void> {
    for (const id of asked.keys()) this.#withheld.delete(id);
    for (const id of without) this.#withheld.add(id);
    await this.#putInForce(asked, (id) => !without.includes(id));
    await this.#keep({ told: generation, held: generation });
  }

  /** Of these, those for which a peer may be asked. */
  forPeers(asked: Asked): string[] {
    return [...asked.keys()].filter((id) => !this.#withheld.has(id));
  }

  /** Puts in force what peers have granted. @throws DrayageError */
  async grantByPeers(asked: Asked, ids: readonly string[]): Promise<void> {
    await this.#putInForce(asked, (id) => ids.includes(id));
  }

  async #putInForce(asked: Asked, isGranted: (id: string) => boolean): Promise<void> {
    await this.#inTurn(async () => {
      const granted = [...asked].filter(([id]) => this.#fenced.has(id) && isGranted(id));
      await this.#gate.grant(granted.map(([, ticket]) => ticket));
      for (const [id, { slot }] of granted) this.#fenced.set(id, slot);
    });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action).catch((error: unknown) => {
      throw error instanceof DrayageError ? error : fenceFailed(error);
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function isLeased({ protection }: Owner): boolean {
  return protection !== undefined;
}

function fenceFailed(error: unknown): DrayageError {
  return new DrayageError(
    {
      code: 'fenceFailed',
      message: `The fence of computes that may be started elsewhere could not be set: ${(error as Error).message}.`,
      mend: 'Check that nftables is installed, and that the kernel has it for bridges (nf_tables_bridge).',
    },
    { cause: error, retryable: true },
  );
}
