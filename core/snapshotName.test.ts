import { expect, test } from 'vitest';
import { snapshotNameSchema } from './snapshot.ts';
import { snapshotNameOf } from './snapshotName.ts';

test.each([
  ['web', 'web-20261201-064933'],
  ['a'.repeat(63), `${'a'.repeat(47)}-20261201-064933`],
  [`${'a'.repeat(46)}-b${'c'.repeat(15)}`, `${'a'.repeat(46)}-20261201-064933`],
])('a snapshot of %s is called %s', (compute, name) => {
  expect(snapshotNameOf(compute, new Date('2026-12-01T06:49:33.123Z'))).toBe(name);
  expect(snapshotNameSchema.safeParse(name).success).toBe(true);
});
