import { z } from 'zod';
import { inNamespace, shape } from '../lab/machine/network.ts';
import { run } from '../lab/machine/run.ts';
import type { Lab } from '../lab/state.ts';
import { macOf } from '../lab/topology.ts';

const TABLE = 'drayage_bench';

/** Gives each device's link another speed, both ways; null is unshaped. What crosses it meanwhile may be lost. */
export async function setLinkSpeed(lab: Lab, mbit: number | null): Promise<void> {
  for (const device of lab.devices) {
    const ends = [
      { namespace: lab.names.deviceNamespace(device), card: 'eth0' },
      { namespace: lab.names.switchNamespace, card: device },
    ];
    for (const { namespace, card } of ends) {
      const removal = ['-n', namespace, 'qdisc', 'del', 'dev', card, 'root'];
      // There is none to remove on a link that was not shaped.
      await run('tc', removal, { allowFailure: true });
      await shape(namespace, card, { mbit, delayMs: null });
    }
  }
}

const rulesetSchema = z.object({
  nftables: z.array(z.looseObject({ counter: z.object({ name: z.string(), bytes: z.number() }).optional() })),
});

/** Counts on the switch what the first two devices send to each other, frame by frame. */
export class WireCounter {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async setUp(): Promise<void> {
    const [source = '', target = ''] = this.#lab.devices.map((device) =>
      macOf(this.#lab.subnet, this.#lab.addresses.device(device)),
    );
    const rules = `
      add table bridge ${TABLE}
      delete table bridge ${TABLE}
      table bridge ${TABLE} {
        counter there { }
        counter back { }
        chain forward {
          type filter hook forward priority 10;
          ether saddr ${source} ether daddr ${target} counter name there
          ether saddr ${target} ether daddr ${source} counter name back
        }
      }`;
    await inNamespace(this.#lab.names.switchNamespace, 'nft', ['-f', '-'], rules);
  }

  async tearDown(): Promise<void> {
    await inNamespace(this.#lab.names.switchNamespace, 'nft', ['delete', 'table', 'bridge', TABLE]);
  }

  /** Bytes of frames since the last call, from the first device to the second and the other way. */
  async take(): Promise<{ there: number; back: number }> {
    const command = ['-j', 'reset', 'counters', 'table', 'bridge', TABLE];
    const { stdout } = await inNamespace(this.#lab.names.switchNamespace, 'nft', command);
    const { nftables } = rulesetSchema.parse(JSON.parse(stdout));
    const bytes = (name: string) =>
      nftables.find(({ counter }) => counter?.name === name)?.counter?.bytes ?? 0;
    return { there: bytes('there'), back: bytes('back') };
  }
}
