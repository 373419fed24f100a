import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { LEASE_MS } from '../../core/lease.ts';
import { readStored, writeStored } from '../control/storedFile.ts';
import { vethName } from '../network/vethName.ts';
import type { LeaseGate, Slot, Ticket } from './leaseGate.ts';

/** Tickets that were made before a lease was asked for. */
export type Asked = ReadonlyMap<string, Ticket>;

const storedSchema = z.object({ generation: z.number().int() });

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
  #generation: number | null = null;

  /** @param path file in which the generation is kept, for a worker that starts while the control plane is away */
  constructor(gate: LeaseGate, path: string) {
    this.#gate = gate;
    this.#path = path;
  }

  /** Of this device's lease, as the control plane said last; null: it never has. */
  get generation(): number | null {
    return this.#generation;
  }

  /** The control plane says which generation it is. @throws DrayageError when it could not be kept */
  async learn(generation: number): Promise<void> {
    if (generation === this.#generation) return;
    this.#generation = generation;
    await this.#inTurn(() => writeStored(this.#path, { generation }));
  }

  /** Takes over what an earlier worker has left, for the computes that are here. Before any gate is opened. @throws DrayageError */
  async start(here: readonly Owner[]): Promise<void> {
    await this.#inTurn(async () => {
      this.#generation = (await readStored(this.#path, storedSchema))?.generation ?? null;
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

  /** Puts in force what was granted, for those of them that are still here. @throws DrayageError */
  async grant(asked: Asked, without: readonly string[] = []): Promise<void> {
    await this.#inTurn(async () => {
      const granted = [...asked].filter(([id]) => this.#fenced.has(id) && !without.includes(id));
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
