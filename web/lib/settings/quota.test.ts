import { describe, expect, it } from 'vitest';
import { QUOTA_PARTS, readLimit, typedLimit, usedWords } from './quota.ts';

const part = (key: string) => QUOTA_PARTS.find((one) => one.key === key)!;

describe('a typed limit', () => {
  it.each([
    ['computes', '', null],
    ['computes', ' 12 ', 12],
    ['computes', '1.5', undefined],
    ['computes', '-1', undefined],
    ['computes', 'many', undefined],
    ['cpus', '1.5', 1.5],
    ['memoryBytes', '1.5', 1_610_612_736],
    ['memoryBytes', '0', 0],
  ])('of %s, "%s", is %s', (key, text, value) => {
    expect(readLimit(text, part(key))).toBe(value);
  });
  it.each([
    ['computes', 12, '12'],
    ['computes', null, ''],
    ['memoryBytes', 1_610_612_736, '1.5'],
  ])('of %s: %s is typed "%s"', (key, value, text) => {
    expect(typedLimit(value, part(key))).toBe(text);
  });
});

it.each([
  ['computes', 3, 12, '3 of 12'],
  ['computes', 3, null, '3, no limit'],
  ['memoryBytes', 2 ** 30, 2 ** 31, '1 GiB of 2 GiB'],
])('of %s, %i of %s is "%s"', (key, used, limit, words) => {
  expect(usedWords(used, limit, part(key))).toBe(words);
});
