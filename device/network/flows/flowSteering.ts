import { readFile } from 'node:fs/promises';
import type { Flow } from '../../../core/flow.ts';
import { listTable, nft } from '../nft.ts';
import { parseSteered, type Steered } from './parseSteered.ts';
import { parseTracked } from './parseTracked.ts';
import { STEERING_RULES, STEERING_TABLE } from './steeringRules.ts';

const TRACKED = '/proc/net/nf_conntrack';

/**
 * Connections that computes opened to the outside while they were on another device: their packets go back there, for as
 * long as they last. The kernel keeps them; new connections leave by this device.
 */
export class FlowSteering {
  readonly #bridge: string;

  constructor(bridge: string) {
    this.#bridge = bridge;
  }

  /** Where the packets of a compute that is on this device have to go, for the device that it moves to. */
  async flowsOf(ip: string): Promise<Flow[]> {
    const here = await this.#mac();
    // A kernel that does not show its connections keeps them to itself: they end with the move.
    const tracked = parseTracked(await readFile(TRACKED, 'utf8').catch(() => ''), ip);
    const listed = await this.#listed();
    const steered = listed.filter((one) => one.ip === ip && one.lasts).map(({ flow }) => flow);
    const elsewhere = new Set(steered.map(keyOf));
    return [
      ...steered,
      ...tracked.map((flow) => ({ ...flow, mac: here })).filter((one) => !elsewhere.has(keyOf(one))),
    ];
  }

  /** Sends these packets of a compute back to where they belong. What belongs here is left as it is. */
  async steer(ip: string, flows: readonly Flow[]): Promise<void> {
    const here = await this.#mac();
    const elsewhere = flows.filter(({ mac }) => mac !== here);
    if (elsewhere.length === 0) return;
    const via = elsewhere.map((flow) => `${tuple(ip, flow)} : ${flow.mac}`);
    const steered = elsewhere.map(
      (flow) => `${tuple(ip, flow)}${flow.protocol === 'udp' ? ' timeout 2m' : ''}`,
    );
    await nft(
      `${STEERING_RULES}add element ${STEERING_TABLE} via { ${via.join(', ')} }\nadd element ${STEERING_TABLE} steered { ${steered.join(', ')} }\n`,
    );
  }

  /** Forgets what an earlier stay of the compute, or an earlier compute with its address, has left. */
  async forget(ip: string): Promise<void> {
    const old = (await this.#listed()).filter((one) => one.ip === ip);
    if (old.length === 0) return;
    // An element that is added is there to be destroyed, whether its time is over or not.
    const keys = old.map(({ flow }) => tuple(ip, flow)).join(', ');
    const maps = old.map(({ flow }) => `${tuple(ip, flow)} : ${flow.mac}`).join(', ');
    await nft(
      [
        `add element ${STEERING_TABLE} steered { ${keys} }`,
        `delete element ${STEERING_TABLE} steered { ${keys} }`,
        `delete element ${STEERING_TABLE} via { ${maps} }`,
        '',
      ].join('\n'),
    );
  }

  async #listed(): Promise<Steered[]> {
    // Without the table nothing was ever steered.
    const table = await listTable(STEERING_TABLE);
    return table === null ? [] : parseSteered(table);
  }

  async #mac(): Promise<string> {
    return (await readFile(`/sys/class/net/${this.#bridge}/address`, 'utf8')).trim();
  }
}

function tuple(ip: string, { protocol, sport, daddr, dport }: Flow): string {
  return `${ip} . ${protocol} . ${String(sport)} . ${daddr} . ${String(dport)}`;
}

function keyOf(flow: Flow): string {
  return tuple('', flow);
}
