import { expect, test } from 'vitest';
import { locateCgroup } from './cgroup.ts';

const V1 =
  '30 24 0:26 / /sys/fs/cgroup/freezer rw,relatime shared:12 - cgroup cgroup rw,freezer\n31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory';
const V2 = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
const NAMESPACED = '30 24 0:26 /lab/d1 /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer';

test.each([
  [
    'a v1 freezer',
    '9:freezer:/d1/abc\n3:memory:/d1/abc\n0::/',
    V1,
    { version: 1, directory: '/sys/fs/cgroup/freezer/d1/abc' },
  ],
  [
    'a unified hierarchy',
    '0::/system.slice/docker-abc.scope',
    V2,
    { version: 2, directory: '/sys/fs/cgroup/system.slice/docker-abc.scope' },
  ],
  [
    'a v1 freezer beside a unified hierarchy',
    '9:freezer:/abc\n0::/abc',
    `${V1}\n${V2.replace('/sys/fs/cgroup', '/sys/fs/cgroup/unified')}`,
    { version: 1, directory: '/sys/fs/cgroup/freezer/abc' },
  ],
  [
    'a mount that shows a part of the hierarchy',
    '9:freezer:/lab/d1/abc',
    NAMESPACED,
    { version: 1, directory: '/sys/fs/cgroup/freezer/abc' },
  ],
  ['nothing where there is none', '3:memory:/abc', V1, null],
])('finds %s', (_name, memberships, mountinfo, found) => {
  expect(locateCgroup(memberships, mountinfo, 'freezer')).toEqual(found);
});
