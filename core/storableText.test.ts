import { describe, expect, it } from 'vitest';
import { isStorable, storableText } from './storableText.ts';

describe('what PostgreSQL takes', () => {
  it.each([[null], [1], ['plain'], ['\u0001\u007f'], ['😀'], [{ a: [true, { b: 'é' }] }], ['\\u0000']])(
    'is %j',
    (value) => expect(isStorable(value)).toBe(true),
  );

  it.each([
    ['a NUL', 'a\0'],
    ['a NUL within', { a: ['x', { b: '\0' }] }],
    ['a NUL in a name', { 'a\0': 1 }],
    ['the first half of a pair', ['\ud83d']],
    ['the second half of a pair', { '\ude00': 'x' }],
  ])('is not %s', (_what, value) => expect(isStorable(value)).toBe(false));

  it('is looked for as deep as a request can be', () => {
    const depth = 500_000;
    expect(isStorable(JSON.parse('['.repeat(depth) + ']'.repeat(depth)))).toBe(true);
    expect(isStorable(JSON.parse(`${'['.repeat(depth)}"\\u0000"${']'.repeat(depth)}`))).toBe(false);
  });

  it('can be made of any text', () => {
    expect(storableText('a\0b\ud83dc😀')).toBe('a\ufffdb\ufffdc😀');
  });
});
