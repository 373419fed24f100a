import { expect, it } from 'vitest';
import { tmpfsListSchema, tmpfsOf } from './tmpfs.ts';

it.each(['/scratch', '/var/lib/app/.cache', '/run', '/dev/shm', '/developer', '/a..b'])(
  '%s may be a tmpfs',
  (path) => {
    expect(tmpfsListSchema.safeParse([{ path, sizeBytes: 4096 }]).success).toBe(true);
  },
);

it.each([
  '/',
  'scratch',
  '/a/../b',
  '/a/.',
  '/a//b',
  '/a/',
  '/a:b',
  '/a]',
  '/a,b',
  '/a b',
  '/proc',
  '/proc/x',
  '/sys',
  '/dev/x',
])('%s may be none', (path) => {
  expect(tmpfsListSchema.safeParse([{ path, sizeBytes: 4096 }]).success).toBe(false);
});

it('takes each path once', () => {
  const twice = [1, 2].map((count) => ({ path: '/scratch', sizeBytes: count * 4096 }));
  expect(tmpfsListSchema.safeParse(twice).success).toBe(false);
});

it('every compute has /dev/shm, of the size that was asked for', () => {
  const scratch = { path: '/scratch', sizeBytes: 8192 };
  expect(tmpfsOf({ tmpfs: [] })).toEqual([{ name: 'tmpfs-0', path: '/dev/shm', sizeBytes: 64 * 2 ** 20 }]);
  expect(tmpfsOf({ tmpfs: [scratch, { path: '/dev/shm', sizeBytes: 4096 }] })).toEqual([
    { name: 'tmpfs-0', path: '/dev/shm', sizeBytes: 4096 },
    { name: 'tmpfs-1', ...scratch },
  ]);
});
