import { expect, test } from 'vitest';
import { decideVersion } from './decideVersion.ts';

test.each([
  ['the same', '0.4.1', '0.4.1', 'fits'],
  ['another third number', '0.4.1', '0.4.9', 'fits'],
  ['the next one', '0.4.1', '0.5.0', 'fits'],
  ['the one before', '1.4.1', '1.3.0', 'fits'],
  ['two apart', '0.4.1', '0.6.0', 'refuse'],
  ['two apart, the other way round', '0.6.0', '0.4.1', 'refuse'],
  ['another first number', '1.0.0', '2.0.0', 'refuse'],
  ['one that is none', '1.0.0', 'banana', 'refuse'],
])('%s', (_name, control, device, action) => {
  const decided = decideVersion(
    { who: 'control plane', version: control },
    { who: 'device', version: device },
  );
  expect(decided.action).toBe(action);
  expect(decided.cause === undefined).toBe(action === 'fits');
});

test('a refusal says which of the two has to be brought up', () => {
  const { cause } = decideVersion(
    { who: 'control plane', version: '0.6.0' },
    { who: 'device', version: '0.4.0' },
  );
  expect(cause?.message).toContain('The control plane is of version 0.6.0, the device of 0.4.0');
  expect(cause?.mend).toContain('Bring the device');
});
