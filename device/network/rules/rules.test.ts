import { expect, test } from 'vitest';
import type { NetworkRules } from '../../../core/networkRules.ts';
import { bridgeRules } from './bridgeRules.ts';
import { hostRules } from './hostRules.ts';
import type { RulesInput } from './types.ts';

const network: NetworkRules = {
  version: 'one',
  range: { first: '10.77.1.0', last: '10.77.250.255' },
  gateway: { ip: '10.77.255.253', mac: '02:42:0a:4d:ff:fd' },
  devices: ['10.77.0.1', '10.77.0.2'],
  computes: [
    { ip: '10.77.1.0', tenant: 1 },
    { ip: '10.77.1.1', tenant: 2 },
    { ip: '10.77.1.2', tenant: 1 },
  ],
  ports: [
    { protocol: 'tcp', host: 8080, ip: '10.77.1.0', compute: 80 },
    { protocol: 'udp', host: 8080, ip: '10.77.1.1', compute: 53 },
  ],
};
const input: RulesInput = {
  bridge: 'br0',
  network,
  bound: [{ veth: 'dvaaaaaaaaaaaa', ip: '10.77.1.0', mac: '02:42:0a:4d:01:00' }],
  control: ['10.77.255.254'],
  kept: [22, 7444],
};

/** Elements of a set or map, as they are written. */
function elementsOf(script: string, name: string): string[] {
  const [, all = ''] =
    new RegExp(`(?:set|map) ${name} \\{[^=\\n]*elements = \\{ ([^}]*) \\}`).exec(script) ?? [];
  return all === '' ? [] : all.split(', ');
}

const sets: [string, (given: RulesInput) => string, string, string[]][] = [
  [
    'a compute has its own addresses',
    bridgeRules,
    'bound',
    ['"dvaaaaaaaaaaaa" . 02:42:0a:4d:01:00 . 10.77.1.0'],
  ],
  ['and gets what is for them', bridgeRules, 'own', ['"dvaaaaaaaaaaaa" . 10.77.1.0']],
  [
    'every compute is of its tenant',
    bridgeRules,
    'tenant',
    ['10.77.1.0 : 1', '10.77.1.1 : 2', '10.77.1.2 : 1'],
  ],
  ['and of no other', bridgeRules, 'member', ['10.77.1.0 . 1', '10.77.1.1 . 2', '10.77.1.2 . 1']],
  ['the control plane is out of reach', bridgeRules, 'barred', ['10.77.255.254']],
  ['also by way of the gateway', hostRules, 'barred', ['10.77.255.254', '10.77.0.1', '10.77.0.2']],
  [
    'a port leads to its compute',
    hostRules,
    'published',
    ['tcp . 8080 : 10.77.1.0 . 80', 'udp . 8080 : 10.77.1.1 . 53'],
  ],
  ["the device's own ports stay its own", hostRules, 'kept', ['22', '7444']],
];
test.each(sets)('%s', (_, rules, name, wanted) => {
  expect(elementsOf(rules(input), name)).toEqual(wanted);
});

test('a set of nothing has no elements, which nft would not take', () => {
  const nothing = { ...network, gateway: null, computes: [], ports: [], devices: [] };
  const empty = { ...input, network: nothing, bound: [], control: [], kept: [] };
  for (const script of [bridgeRules(empty), hostRules(empty)]) expect(script).not.toMatch(/\{ *\}/);
});

test('without a gateway no rule speaks of one', () => {
  expect(bridgeRules({ ...input, network: { ...network, gateway: null } })).not.toContain('drayage-gw');
});

test('a control plane on a device is barred by that device: answers to published ports have to reach it', () => {
  expect(elementsOf(bridgeRules({ ...input, control: ['10.77.0.2'] }), 'barred')).toEqual([]);
});

test('each script takes the place of its table at once', () => {
  expect(bridgeRules(input)).toMatch(
    /^table bridge drayage\ndelete table bridge drayage\ntable bridge drayage \{/,
  );
  expect(hostRules(input)).toMatch(/^table ip drayage\ndelete table ip drayage\ntable ip drayage \{/);
});

test('whatever is where, no compute is a member of another tenant, and no port leads to another compute', () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 200; round += 1) {
    const computes = Array.from({ length: 1 + random(20) }, (_, index) => ({
      ip: `10.77.1.${String(index)}`,
      tenant: 1 + random(4),
    }));
    const ports = Array.from({ length: random(10) }, (_, index) => ({
      protocol: random(2) === 0 ? ('tcp' as const) : ('udp' as const),
      host: 2000 + index,
      ip: computes[random(computes.length)]!.ip,
      compute: 1 + random(65_535),
    }));
    const given = { ...input, network: { ...network, computes, ports } };
    const tenantOf = new Map(computes.map(({ ip, tenant }) => [ip, String(tenant)]));
    const members = elementsOf(bridgeRules(given), 'member').map((one) => one.split(' . '));
    expect(members).toHaveLength(computes.length);
    for (const [ip = '', tenant] of members) expect(tenant).toBe(tenantOf.get(ip));
    const published = elementsOf(hostRules(given), 'published').sort();
    const wanted = ports.map((one) => `${one.protocol} . ${one.host} : ${one.ip} . ${one.compute}`).sort();
    expect(published).toEqual(wanted);
  }
});
