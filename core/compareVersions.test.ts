import { expect, test } from 'vitest';
import { compareVersions } from './compareVersions.ts';

test.each([
  ['4.2.1', '4.2', 1],
  ['4.10', '4.9.9', 1],
  ['28.5.2+dfsg4', '28.5.2', 0],
  ['1.2.6', '1.2.7', -1],
])('%s against %s', (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});
