import { expect, test } from 'vitest';
import { Tellings } from './tellings.ts';

const told = [{ id: 'cmp_1', epoch: 1, running: true }];
const connection = {};
const noted = () => {
  const tellings = new Tellings();
  tellings.note('dev_1', connection, told, 1_000);
  return tellings;
};

test.each([
  ['the same a moment later', 'dev_1', connection, [{ ...told[0] }], 3_000, true],
  ['the same after some seconds', 'dev_1', connection, told, 7_000, false],
  ['another epoch', 'dev_1', connection, [{ ...told[0], epoch: 2 }], 3_000, false],
  ['a compute that has ended', 'dev_1', connection, [{ ...told[0], running: false }], 3_000, false],
  ['nothing any more', 'dev_1', connection, [], 3_000, false],
  ['the same over another connection', 'dev_1', {}, told, 3_000, false],
  ['the same of another device', 'dev_2', connection, told, 3_000, false],
])('%s', (_name, device, by, now, at, repeated) => {
  expect(noted().isRepeated(device, by, now, at)).toBe(repeated);
});

test('what was forgotten is compared again', () => {
  const tellings = noted();
  tellings.forget('dev_1');
  expect(tellings.isRepeated('dev_1', connection, told, 1_001)).toBe(false);
});
