import { expect, test } from 'vitest';
import { type Fleet, type ReadyDevice, targetCauses } from './targetCauses.ts';

const GIB = 2 ** 30;
const device = (id: string, classId: string | null, memoryAvailableBytes = GIB): ReadyDevice => ({
  ...{ id, name: id, classId, memoryAvailableBytes, diskAvailableBytes: GIB },
});
const older = { code: 'criuOlder', message: 'The target has CRIU 4.1.', mend: 'Bring it up.' };
const source = { deviceId: 'own', classId: 'a' };
const demand = { memoryBytes: GIB / 2, diskBytes: 0 };

test.each<[string, ReadyDevice[], string[]]>([
  ['one of its own class can take it', [device('own', 'a'), device('b', 'a')], []],
  ['one of another that fits can, too', [device('own', 'a'), device('b', 'fits')], []],
  ['one that has not said of which it is may', [device('b', null)], []],
  ['its own device does not count', [device('own', 'a')], ['noTarget']],
  ['one that does not fit cannot', [device('b', 'old')], ['noTarget', 'criuOlder']],
  ['one without room cannot', [device('b', 'a', 0)], ['noTarget', 'noRoom']],
  [
    'each reason is told once',
    [device('b', 'old'), device('c', 'old'), device('d', 'a', 0)],
    ['noTarget', 'criuOlder', 'noRoom'],
  ],
  ['one is enough', [device('b', 'old'), device('c', 'a')], []],
])('%s', (_what, ready, codes) => {
  const fleet: Fleet = { ready, between: (_from, to) => (to === 'old' ? [older] : []) };
  expect(targetCauses(source, demand, fleet).map(({ code }) => code)).toEqual(codes);
});

test('no more than the first device that can take it is looked at', () => {
  let looked = 0;
  const between = () => ((looked += 1), []);
  const ready = Array.from({ length: 200 }, (_, index) => device(`d${String(index)}`, 'a'));
  expect(targetCauses(source, demand, { ready, between })).toEqual([]);
  expect(looked).toBe(1);
});

test('a device that is not as the compute asks cannot take it', () => {
  const ready = [{ ...device('b', 'a'), location: 'cellar' }];
  const onRoof = { ...demand, constraints: { location: 'roof' } };
  const fleet: Fleet = { ready, between: () => [] };
  expect(targetCauses(source, onRoof, fleet).map(({ code }) => code)).toEqual([
    'noTarget',
    'constraintNotMet',
  ]);
  ready.push({ ...device('c', 'a'), location: 'roof' });
  expect(targetCauses(source, onRoof, fleet)).toEqual([]);
});
