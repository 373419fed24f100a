import { BatchTool } from './batchTool.ts';
import { vethName } from './vethName.ts';
import { DrayageError } from '../../core/cause.ts';
import type { Neighbour } from '../../core/linkMessages.ts';
import { exists } from '../exists.ts';

/**
 * A queue that lets exactly one frame through and holds all others, in order. tbf starts with its bucket full;
 * `mpu` counts the smallest frame as a whole bucket, so that the first (an ARP announcement of 42 bytes) spends all of it.
 * The bucket needs 190 s to fill again: a longer hold takes the veth out of the bridge.
 */
const SHUT = 'root tbf rate 64bit burst 1540 mpu 1540 limit 8mb';
/** The same queue let go. Changing keeps what is queued; deleting would drop it. */
const OPEN = 'root tbf rate 40gbit burst 8mb limit 8mb';
/** A queue that drops everything: the frozen compute's kernel has nothing to say any more. */
const MUTE = 'root pfifo limit 0';

/** A link-local address that no interface has. */
const NOBODY = '169.254.77.254';

interface Ends {
  computeId: string;
  mac: string;
  bridge: string;
  sandboxPid: number;
}

/** One compute's network while it moves: all tools started before, each step one or two writes to them. */
abstract class HotNetwork {
  protected readonly ends: Ends;
  protected readonly outside: { ip: BatchTool; tc: BatchTool };
  protected readonly inside: { ip: BatchTool; tc: BatchTool };

  protected constructor(ends: Ends, tools: BatchTool[]) {
    const [outsideIp, outsideTc, insideIp, insideTc] = tools as [BatchTool, BatchTool, BatchTool, BatchTool];
    this.ends = ends;
    this.outside = { ip: outsideIp, tc: outsideTc };
    this.inside = { ip: insideIp, tc: insideTc };
  }

  protected static tools(ends: Ends): Promise<BatchTool[]> {
    return Promise.all([
      BatchTool.start('ip'),
      BatchTool.start('tc'),
      BatchTool.start('ip', ends.sandboxPid),
      BatchTool.start('tc', ends.sandboxPid),
    ]);
  }

  protected get veth(): string {
    return vethName(this.ends.computeId);
  }

  /** Setting a MAC, even to what it is, makes the kernel announce the address (arp_notify). */
  protected announceLine(): string {
    return `link set dev eth0 address ${this.ends.mac}`;
  }

  async close(): Promise<void> {
    await Promise.all(
      [this.outside.ip, this.outside.tc, this.inside.ip, this.inside.tc].map((tool) => tool.close()),
    );
  }
}

/** The target's side: plugged before the freeze, announced in it, opened at its end. */
export class HotTarget extends HotNetwork {
  #localMac = '';

  static async start(ends: Ends, localMac: string): Promise<HotTarget> {
    const hot = new HotTarget(ends, await HotNetwork.tools(ends));
    hot.#localMac = localMac;
    return hot;
  }

  /** Before the freeze: both queues shut (the inner one keeps its one frame for the announcement), veth in the bridge. */
  async plug(): Promise<void> {
    await this.outside.tc.run([`qdisc replace dev ${this.veth} ${SHUT}`]);
    await this.#kickOutside();
    await this.inside.tc.run([`qdisc replace dev eth0 ${SHUT}`]);
    await this.outside.ip.run([`link set dev ${this.veth} master ${this.ends.bridge}`]);
  }

  /**
   * In the freeze: tells the network that the address is here now; that spends the inner queue's one frame. The source's
   * neighbours are known from the start, so that the first answer waits for no ARP. (Setting the MAC forgets them: first.)
   */
  async announce(neighbours: Neighbour[]): Promise<void> {
    const known = neighbours.map(({ ip, mac }) => `neigh replace ${ip} lladdr ${mac} dev eth0 nud stale`);
    await this.inside.ip.run([this.announceLine(), ...known]);
  }

  /** The end of the hot window: both queues let go, in order. */
  async unplug(): Promise<void> {
    await Promise.all([
      this.outside.tc.run([`qdisc change dev ${this.veth} ${OPEN}`]),
      this.inside.tc.run([`qdisc change dev eth0 ${OPEN}`]),
    ]);
    // A queue looks at its new rate only when the next frame comes.
    await Promise.all([this.#kickOutside(), this.#kickInside()]);
  }

  /** Out of the bridge again. */
  async withdraw(): Promise<void> {
    await this.outside.ip.run([`link set dev ${this.veth} nomaster`]);
  }

  /** Back into the bridge after a long hold. */
  async attach(): Promise<void> {
    await this.outside.ip.run([`link set dev ${this.veth} master ${this.ends.bridge}`]);
  }

  /** A question for an address that nobody has. An announcement would do too, but throws away what waits for neighbours. */
  async #kickInside(): Promise<void> {
    await this.inside.ip.run([`neigh replace ${NOBODY} dev eth0 use`, `neigh del ${NOBODY} dev eth0`]);
  }

  async #kickOutside(): Promise<void> {
    await this.outside.ip.run([`link set dev ${this.veth} address ${this.#localMac}`]);
  }
}

/** The source's side: muted and detached in the freeze; all of it undone by `restore`. */
export class HotSource extends HotNetwork {
  static async start(ends: Ends): Promise<HotSource> {
    return new HotSource(ends, await HotNetwork.tools(ends));
  }

  /** Whom the compute talks to on its own network, for `announce` on the target. */
  async neighbours(): Promise<Neighbour[]> {
    return parseNeighbours(await this.inside.ip.run(['neigh show dev eth0']));
  }

  /** The frozen compute's kernel may still acknowledge; from here none of that leaves and moves the address back. */
  async mute(): Promise<void> {
    await this.inside.tc.run([`qdisc replace dev eth0 ${MUTE}`]);
  }

  /** Takes the compute off the network and verifies it. */
  async detach(): Promise<void> {
    await this.outside.ip.run([`link set dev ${this.veth} nomaster`]);
    const attached = await exists(`/sys/class/net/${this.veth}/brport`);
    if (attached)
      throw new DrayageError({
        code: 'gateStaysOpen',
        message: 'The compute could not be taken off the network.',
        mend: 'See the device log; the compute runs on where it is.',
      });
  }

  /** Rollback: on the network again, and announced. */
  async restore(): Promise<void> {
    await this.inside.tc.run(['qdisc del dev eth0 root']).catch(() => undefined);
    await this.outside.ip.run([`link set dev ${this.veth} master ${this.ends.bridge}`]);
    await this.inside.ip.run([this.announceLine()]);
  }
}

/** Reads the lines of `ip neigh show dev X`: `10.0.0.1 lladdr 02:... REACHABLE`; those without an address are left out. */
export function parseNeighbours(lines: string[]): Neighbour[] {
  return lines.flatMap((line) => {
    const [, ip, mac] = /^([\d.]+) lladdr ([0-9a-f:]{17}) /.exec(line) ?? [];
    return ip !== undefined && mac !== undefined ? [{ ip, mac }] : [];
  });
}
