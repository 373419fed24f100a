import { describe, expect, it } from 'vitest';
import { parseHierarchies } from './cgroup.ts';

const v1 = (path: string, options: string) =>
  `30 24 0:26 / ${path} rw,relatime - cgroup cgroup rw,${options}`;
const v2 = (path: string) => `31 24 0:27 / ${path} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate`;

describe('parseHierarchies', () => {
  it('tracks by the freezer of version 1 where there is one', () => {
    const found = parseHierarchies(
      [v1('/cg/cpu', 'cpu'), v1('/cg/freezer', 'freezer'), v2('/cg/unified')].join('\n'),
    );
    expect(found).toEqual({ all: ['/cg/cpu', '/cg/freezer', '/cg/unified'], tracking: '/cg/freezer' });
  });

  it('tracks by version 2 where it is alone', () => {
    expect(parseHierarchies(v2('/sys/fs/cgroup'))).toEqual({
      all: ['/sys/fs/cgroup'],
      tracking: '/sys/fs/cgroup',
    });
  });

  it('finds the freezer among several controllers of one mount', () => {
    expect(parseHierarchies(v1('/cg/all', 'cpu,freezer,memory'))?.tracking).toBe('/cg/all');
  });

  it('finds none where nothing is mounted', () => {
    expect(parseHierarchies('22 1 0:21 / /proc rw - proc proc rw')).toBeNull();
  });
});
