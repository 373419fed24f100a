import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { macOfIp, numberToIp } from '../../core/ipv4.ts';
import { linkHost } from '../../core/device.ts';
import type { NetworkRules } from '../../core/networkRules.ts';
import { networkFingerprint, readNetwork } from '../../db/networkRules.ts';
import type { ApiContext } from '../context.ts';

/** Heartbeats of all devices within this share one look into the database, milliseconds. */
const FRESH_MS = 500;

/** What devices are told of the computes' network. Its version is made of what is on record, so nothing has to be counted. */
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
      this.#recent = { at: now, version: this.#version() };
    return this.#recent.version;
  }

  /** All of it, as of now. */
  async read(): Promise<NetworkRules> {
    const { db, config } = this.#context;
    const { first, last, gateway } = config.addresses;
    // Before its content: what changes in between is told anew under the next version.
    const version = await this.#version();
    const { computes, ports, linkAddresses } = await readNetwork(db);
    return {
      version,
      range: { first: numberToIp(first), last: numberToIp(last) },
      gateway: gateway === undefined ? null : { ip: gateway, mac: macOfIp(gateway) },
      devices: [...new Set(linkAddresses.map(linkHost).filter((host) => isIPv4(host)))].sort(),
      computes,
      ports,
    };
  }

  async #version(): Promise<string> {
    const { db, config } = this.#context;
    const parts = [config.addresses, await networkFingerprint(db)];
    return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
  }
}
