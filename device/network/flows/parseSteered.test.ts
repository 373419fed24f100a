import { expect, test } from 'vitest';
import { parseSteered } from './parseSteered.ts';

const key = (port: number) => ({
  elem: { val: { concat: ['10.77.1.0', 'tcp', port, '1.2.3.4', 90] }, expires: 9 },
});
const metainfo = { metainfo: { version: '1.0.6' } };

test('what is in the map is a flow; it lasts for as long as it is in the set', () => {
  const via = {
    map: {
      name: 'via',
      elem: [
        [key(80), '02:42:0a:00:00:02'],
        [key(81), '02:42:0a:00:00:03'],
      ],
    },
  };
  const steered = { set: { name: 'steered', elem: [key(81)] } };
  const flow = { protocol: 'tcp', daddr: '1.2.3.4', dport: 90 };
  expect(parseSteered({ nftables: [metainfo, via, steered, { chain: { name: 'steer' } }] })).toEqual([
    { ip: '10.77.1.0', flow: { ...flow, sport: 80, mac: '02:42:0a:00:00:02' }, lasts: false },
    { ip: '10.77.1.0', flow: { ...flow, sport: 81, mac: '02:42:0a:00:00:03' }, lasts: true },
  ]);
});

test('an empty table has none', () => {
  expect(
    parseSteered({ nftables: [metainfo, { map: { name: 'via' } }, { set: { name: 'steered' } }] }),
  ).toEqual([]);
});
