import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { registryHostSchema } from '../../core/registryReference.ts';

/** Which registries tenants may name. */
export interface RegistryPolicy {
  /** Of those that the operator lists: at which addresses they are does not matter. Plain: without TLS. */
  listed: ReadonlyMap<string, { plain: boolean }>;
}

/** DRAYAGE_REGISTRIES: hosts with commas between them, `http://` before one that has no TLS. */
export const registriesSchema = z.string().transform((text, context): RegistryPolicy => {
  const listed = new Map<string, { plain: boolean }>();
  for (const item of text.split(',').map((one) => one.trim())) {
    if (item === '') continue;
    const plain = item.startsWith('http://');
    const host = registryHostSchema.safeParse(item.replace(/^https?:\/\//, ''));
    if (!host.success) {
      context.addIssue({ code: 'custom', message: `holds ${JSON.stringify(item)}, which is no registry` });
      return z.NEVER;
    }
    listed.set(host.data, { plain });
  }
  return { listed };
});

/**
 * IANA's special-purpose addresses: networks of the operator's own, this machine, the link (with the metadata services of
 * clouds), and what leads to them by another name.
 */
const SPECIAL: readonly [string, number, 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 8, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];
// A list of each family: one of both takes every IPv4 address for one of `::/8`.
const special = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix, family] of SPECIAL) special[family].addSubnet(network, prefix, family);

/** Whether an address is one of the internet at large, and none of this machine. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(address) === 0 || special[family].check(address, family)) return false;
  const own = Object.values(networkInterfaces()).flatMap((cards) => cards ?? []);
  return !own.some((card) => card.address === address);
}

/** How a registry's own API is reached. */
export function baseUrl(policy: RegistryPolicy, host: string): URL {
  return new URL(`${policy.listed.get(host)?.plain === true ? 'http' : 'https'}://${host}/v2/`);
}

/**
 * Whether a URL, the registry's own or one that it leads to, may be asked at all, and whether at any address.
 * Where TLS is missing the operator has to have said so.
 */
export function ruleFor(policy: RegistryPolicy, url: URL): 'refused' | 'publicOnly' | 'anyAddress' {
  const listed = policy.listed.get(url.host);
  if (url.username !== '' || url.password !== '') return 'refused';
  if (url.protocol === 'http:') return listed?.plain === true ? 'anyAddress' : 'refused';
  if (url.protocol !== 'https:') return 'refused';
  return listed === undefined ? 'publicOnly' : 'anyAddress';
}
