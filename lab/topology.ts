import { z } from 'zod';
import { fakeNameSchema } from '../core/fakeOrders.ts';

/** Most devices of one lab; their addresses are 10.x.0.1 to 10.x.0.250. */
export const MAX_DEVICES = 250;
/** Second byte of the first lab's subnet; the k-th lab beside it has 77 + k. */
const FIRST_SUBNET = 77;
const LAST_SUBNET = 176;

export const labNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'must be a letter and up to 19 lower-case letters, digits or hyphens');

export const deviceNameSchema = z
  .string()
  .regex(/^d([1-9][0-9]{0,2})$/, 'must be d1, d2, ...')
  .refine((name) => Number(name.slice(1)) <= MAX_DEVICES, `a lab has at most ${MAX_DEVICES} devices`);

/** Ports of the lab's switch that a cable is cut at: a device's name, or `control`. */
export const CONTROL_PORT = 'control';
export const CLIENT_PORT = 'client';

/** Number of a device: 1 for d1. */
function deviceIndex(device: string): number {
  return Number(deviceNameSchema.parse(device).slice(1));
}

export function deviceNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `d${index + 1}`);
}

export function fakeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `f${index + 1}`);
}

/** Addresses of one lab, from the second byte of its subnet. */
export function addresses(subnet: number) {
  const base = `10.${subnet}`;
  return {
    subnet: `${base}.0.0/16`,
    prefix: 16,
    device: (name: string) => `${base}.0.${deviceIndex(name)}`,
    control: `${base}.255.254`,
    client: `${base}.255.1`,
    /** The computes' gateway, on every device. */
    gateway: `${base}.255.253`,
    /** A host's address outside the computes' network, which devices reach by way of the client host. */
    outside: `198.18.${subnet}.1`,
    /** Of a fake device: 10.x.251.1 to 10.x.254.250. */
    fake: (name: string) => {
      const index = Number(fakeNameSchema.parse(name).slice(1)) - 1;
      return `${base}.${251 + Math.floor(index / 250)}.${(index % 250) + 1}`;
    },
    fakeNetworks: [251, 252, 253, 254].map((third) => `${base}.${third}.0/24`),
    /** What the control plane gives to computes. */
    computes: `${base}.1.0-${base}.250.255`,
  };
}

/**
 * A network card's MAC address: the same at every boot of its device, and different in every lab.
 * 06: is locally administered; computes have 02:42.
 */
export function macOf(subnet: number, ip: string): string {
  const bytes = ip.split('.').map(Number);
  const hex = [0x06, subnet, ...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  return hex.join(':');
}

/** Names of what the lab has on this machine. All but the card of the root namespace carry the lab's name. */
export function names(lab: string, subnet: number) {
  return {
    switchNamespace: `drayage-${lab}-switch`,
    clientNamespace: `drayage-${lab}-client`,
    deviceNamespace: (device: string) => `drayage-${lab}-${device}`,
    /** In the root namespace, where names have 15 characters at most. */
    controlInterface: `dray${subnet}`,
    /** Path below every cgroup hierarchy. */
    cgroup: cgroupOf(lab),
  };
}

/** Everything of a lab that runs is in or below this cgroup; it is enough to find all of its processes. */
export function cgroupOf(lab: string): string {
  return `drayage-${lab}`;
}

/** Whether a network namespace of that name is the lab's. `one-two` is not a namespace of lab `one`. */
export function isNamespaceOf(lab: string, namespace: string): boolean {
  const prefix = `drayage-${lab}-`;
  if (!namespace.startsWith(prefix)) return false;
  return /^(switch|client|d[1-9][0-9]{0,2})$/.test(namespace.slice(prefix.length));
}

/** The first subnet that nothing uses; undefined when all are taken. `taken` are IPv4 networks as `10.77.0.0/16`. */
export function pickSubnet(taken: readonly string[]): number | undefined {
  for (let subnet = FIRST_SUBNET; subnet <= LAST_SUBNET; subnet++) {
    if (!taken.some((network) => overlaps(network, `10.${subnet}.0.0/16`))) return subnet;
  }
  return undefined;
}

function overlaps(one: string, other: string): boolean {
  const [a, b] = [parseNetwork(one), parseNetwork(other)];
  const shared = Math.min(a.prefix, b.prefix);
  // A default route covers everything and takes nothing.
  if (shared === 0) return false;
  const shift = 32 - shared;
  return a.value >>> shift === b.value >>> shift;
}

function parseNetwork(text: string): { value: number; prefix: number } {
  const [ip = '', prefix = '32'] = text.split('/');
  const value = ip.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return { value, prefix: Number(prefix) };
}

/**
 * Offsets of a device's monotonic and boot clocks against this machine's, in seconds: different on every device, as
 * between real machines, and another at every boot.
 */
export function clockOffsets(device: string, boot: number): { monotonic: number; boottime: number } {
  const index = deviceIndex(device);
  return { monotonic: index * 100_000 + boot * 1_000, boottime: index * 2_500_000 + boot * 1_000 };
}
