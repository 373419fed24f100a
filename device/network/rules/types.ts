import type { NetworkRules } from '../../../core/networkRules.ts';

/** A compute's interface on this device, and the addresses that are its own. */
export interface Bound {
  veth: string;
  ip: string;
  mac: string;
}

/** All that the rules of one device depend on. */
export interface RulesInput {
  /** The device's bridge. */
  bridge: string;
  network: NetworkRules;
  bound: readonly Bound[];
  /** Addresses of the control plane, as this device reaches it. */
  control: readonly string[];
  /** TCP ports of this device's own services: never another's, whatever is published. */
  kept: readonly number[];
}

/** The gateway's card on the device, and its port in the bridge. */
export const GATEWAY_CARD = 'drayage-gw';
export const GATEWAY_PORT = 'drayage-gwp';
