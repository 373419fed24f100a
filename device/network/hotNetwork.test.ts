import { expect, test } from 'vitest';
import { vethName } from './vethName.ts';
import { parseNeighbours } from './hotNetwork.ts';

test('neighbours without an address are left out', () => {
  const lines = [
    '10.77.0.254 lladdr 02:42:0a:4d:00:fe REACHABLE ',
    '10.77.0.9 INCOMPLETE ',
    '10.77.0.7 FAILED',
    'fe80::1 lladdr 02:42:0a:4d:00:01 STALE',
  ];
  expect(parseNeighbours(lines)).toEqual([{ ip: '10.77.0.254', mac: '02:42:0a:4d:00:fe' }]);
});

test('the name of a veth fits the kernel and tells computes apart', () => {
  expect(vethName('cmp_0123456789ab')).toBe('dv0123456789ab');
  expect(vethName('cmp_0123456789ab').length).toBeLessThan(16);
});
