import { expect, test } from 'vitest';
import type { ComputeUsage } from './checkCompatibility.ts';
import { decideSnapshot } from './snapshotCauses.ts';

const MIB = 2 ** 20;
const usage: ComputeUsage = {
  name: 'web',
  running: true,
  memoryBytes: 100 * MIB,
  diskBytes: 0,
  blockers: [],
};
const blocker = (code: string) => ({ code, message: `${code}.`, mend: 'Mend it.' });

test.each<[string, Partial<ComputeUsage>, number, string[]]>([
  ['a running one with room', {}, 164 * MIB, []],
  ['a byte too little memory', {}, 164 * MIB - 1, ['memoryLacking']],
  ['one that does not run', { running: false, memoryBytes: 0 }, 1, ['computeNotRunning']],
  ['what CRIU cannot dump', { blockers: [blocker('ioUring')] }, 164 * MIB, ['ioUring']],
  [
    'all that there is',
    { blockers: [blocker('ioUring'), blocker('mptcp')] },
    0,
    ['ioUring', 'mptcp', 'memoryLacking'],
  ],
])('%s', (_what, over, available, codes) => {
  const { action, causes, reason } = decideSnapshot({ ...usage, ...over }, available);
  expect(causes.map(({ code }) => code)).toEqual(codes);
  expect(action).toBe(codes.length === 0 ? 'proceed' : 'refuse');
  expect(reason).not.toBe('');
});

test('says how a snapshot ends an open session, not how a move does', () => {
  const blockers = [{ ...blocker('execOpen'), mend: '`drayage migrate --end-sessions`' }];
  const [cause] = decideSnapshot({ ...usage, blockers }, 1024 * MIB).causes;
  expect(cause?.mend).toContain('--end-sessions');
  expect(cause?.mend).not.toContain('migrate');
});
