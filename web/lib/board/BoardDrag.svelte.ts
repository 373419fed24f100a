import type { Client } from '../../../client/createClient.ts';
import type { Cause } from '../../../core/cause.ts';
import type { Target } from '../move/orderTargets.ts';
import type { Compute } from '../state/collections.ts';
import { toast } from '../ui/toast.ts';
import type { Point } from './dragChips.ts';
import { type DropVerdict, dropVerdict } from './dropVerdict.ts';

/** The compute that is dragged over the board, and what the devices say to it. */
export class BoardDrag {
  /** Null: nothing is dragged. */
  compute = $state.raw<Compute | null>(null);
  at = $state.raw<Point>({ x: 0, y: 0 });
  /** The device that it is above. */
  over = $state<string | null>(null);
  #targets = $state.raw<ReadonlyMap<string, Target> | null>(null);
  #held = $state.raw<Cause | null>(null);
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** `held`: why it cannot go anywhere, whatever the devices would say. */
  begin(compute: Compute, at: Point, held: Cause | null): void {
    this.compute = compute;
    this.at = at;
    this.over = null;
    this.#targets = null;
    this.#held = held;
    if (held === null) void this.#ask(compute);
  }

  move(at: Point, over: string | null): void {
    this.at = at;
    this.over = over;
  }

  end(): void {
    this.compute = null;
    this.over = null;
  }

  /** What a device says to it; null while nothing is dragged. */
  verdict(deviceId: string): DropVerdict | null {
    return this.compute && dropVerdict(deviceId, this.compute.device.id, this.#targets, this.#held);
  }

  async #ask(compute: Compute): Promise<void> {
    try {
      const { items } = await this.#client.get('/computes/{id}/targets', {
        params: { path: { id: compute.id } },
      });
      if (this.compute === compute) this.#targets = new Map(items.map((one) => [one.device.id, one]));
    } catch (error) {
      toast.failure(error);
    }
  }
}
