import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { macOfIp, numberToIp } from '../../core/ipv4.ts';
import { linkHost } from '../../core/device.ts';
import type { NetworkRules } from '../../core/networkRules.ts';
import { readNetwork } from '../../db/networkRules.ts';
import type { ApiContext } from '../context.ts';

/** Heartbeats of all devices within this share one look into the database, milliseconds. */
const FRESH_MS = 500;

/** What devices are told of the computes' network. Its version is made of its content, so nothing has to be counted. */
export class NetworkRulesReader {
  readonly #context: Pick<ApiContext, 'db' | 'config'>;
  #recent: { at: number; version: Promise<string> } | null = null;

  constructor(context: Pick<ApiContext, 'db' | 'config'>) {
    this.#context = context;
  }

  /** The version as of half a second ago or later. */
  version(): Promise<string> {
    const now = performance.now();
    if (this.#recent === null || now - this.#recent.at > FRESH_MS)
      this.#recent = { at: now, version: this.read().then(({ version }) => version) };
    return this.#recent.version;
  }

  /** All of it, as of now. */
  async read(): Promise<NetworkRules> {
    const { db, config } = this.#context;
    const { first, last, gateway } = config.addresses;
    const { computes, ports, linkAddresses } = await readNetwork(db);
    const rules = {
      range: { first: numberToIp(first), last: numberToIp(last) },
      gateway: gateway === undefined ? null : { ip: gateway, mac: macOfIp(gateway) },
      devices: [...new Set(linkAddresses.map(linkHost).filter((host) => isIPv4(host)))].sort(),
      computes,
      ports,
    };
    const version = createHash('sha256').update(JSON.stringify(rules)).digest('base64url');
    return { version, ...rules };
  }
}
