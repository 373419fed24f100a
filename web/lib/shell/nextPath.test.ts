import { expect, it } from 'vitest';
import { nextPath } from './nextPath.ts';

it.each([
  ['/devices', '/devices'],
  ['/computes/cmp_1?tab=log', '/computes/cmp_1?tab=log'],
  [undefined, '/'],
  ['', '/'],
  [7, '/'],
  ['https://elsewhere.example', '/'],
  ['//elsewhere.example', '/'],
  ['/\\elsewhere.example', '/'],
  ['javascript:alert(1)', '/'],
])('%s leads to %s', (next, path) => {
  expect(nextPath(next)).toBe(path);
});
