import { expect, test } from 'vitest';
import { decideCertificate } from './decideCertificate.ts';

const record = { keyHash: 'a', issuedAt: 1000 };

test.each<[string, { keyHash: string; issuedAt: number }, string]>([
  ['the one on record counts', record, 'take'],
  [
    'an earlier one of the same key counts, for an answer may have been lost',
    { keyHash: 'a', issuedAt: 1 },
    'take',
  ],
  ['a later one of another key is a renewal', { keyHash: 'b', issuedAt: 2000 }, 'adopt'],
  ['an earlier one of another key was followed', { keyHash: 'b', issuedAt: 1 }, 'refuse'],
  ['so was one of the same second', { keyHash: 'b', issuedAt: 1000 }, 'refuse'],
])('%s', (_what, shown, action) => {
  expect(decideCertificate(shown, record).action).toBe(action);
});
