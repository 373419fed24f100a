import { describe, expect, test } from 'vitest';
import {
  announcementText,
  backOff,
  decideAuthority,
  decideNextAsk,
  isPlain,
  multicastAddresses,
  readAnnouncement,
  WAIT_MS,
} from './discovery.ts';
import { keyFingerprint } from './keyFingerprint.ts';

const A = 'a'.repeat(43);
const B = 'b'.repeat(43);

describe('an announcement', () => {
  const txt = announcementText({ version: '1.2.3', authority: A, port: 7443 });
  const service = { instance: 'x', address: '10.0.0.9', port: 7443, txt };

  test('is read as it was written', () => {
    expect(readAnnouncement(service)).toEqual({
      url: 'https://10.0.0.9:7443',
      authority: A,
      version: '1.2.3',
    });
  });

  test.each<[string, Record<string, string>]>([
    ['without a fingerprint', { port: '7443' }],
    ['with a fingerprint that is none', { ...txt, authority: 'x' }],
    ['without a port', { authority: A }],
    ['with a port that is none', { ...txt, port: '70000' }],
  ])('%s is none', (_what, other) => {
    expect(readAnnouncement({ ...service, txt: other })).toBeNull();
  });
});

describe('multicast DNS', () => {
  const v4 = (address: string, internal = false) => ({ address, family: 'IPv4', internal });
  const cards = {
    lo: [v4('127.0.0.1', true)],
    eth0: [{ address: 'fe80::1', family: 'IPv6', internal: false }, v4('10.0.0.9'), v4('10.0.0.10')],
    eth1: [v4('192.168.0.9')],
    gone: undefined,
  };

  test.each<[string, string | undefined, string[]]>([
    ['everywhere', undefined, ['10.0.0.9', '192.168.0.9']],
    ['everywhere, in other words', '::', ['10.0.0.9', '192.168.0.9']],
    ['where the service listens', '192.168.0.9', ['192.168.0.9']],
    ['with the very address', '10.0.0.10', ['10.0.0.10']],
    ['nowhere when only this machine reaches it', '127.0.0.1', []],
    ['nowhere when the address is not there', '10.9.9.9', []],
  ])('is spoken %s', (_what, listening, addresses) => {
    expect(multicastAddresses(cards, listening)).toEqual(addresses);
  });
});

test.each<[string, string | null, string | null, string, string]>([
  ['pins the first', null, A, A, 'pin'],
  ['pins the first at an address that it was given', null, null, A, 'pin'],
  ['trusts the same one again', A, A, A, 'trust'],
  ['ignores another one than the first', A, B, B, 'ignore'],
  ['ignores another one at the address that it was given', A, null, B, 'ignore'],
  ['ignores who announces what it does not have', null, A, B, 'ignore'],
  ['ignores who announces what is pinned and does not have it', A, A, B, 'ignore'],
])('a device %s', (_what, pinned, announced, presented, action) => {
  expect(decideAuthority({ pinned, announced, presented }).action).toBe(action);
});

describe('the wait before the next try', () => {
  test.each([
    [0, 0, 500],
    [0, 1, 1_000],
    [3, 0.5, 6_000],
    [6, 1, 60_000],
    [1_000, 0, 30_000],
  ])('after %i tries and with chance %f is %i ms', (attempt, random, ms) => {
    expect(backOff(attempt, random)).toBe(ms);
  });

  const failed = (code: string) => ({ kind: 'failed' as const, cause: { code, message: 'No.', mend: '' } });
  test.each<[string, Parameters<typeof decideNextAsk>[0], number, string, number]>([
    ['asks the same one while it waits', { kind: 'waiting' }, 0, 'ask', WAIT_MS.approval],
    ['looks anew when it does not answer', failed('controlPlaneUnreachable'), 1, 'look', 1_000],
    ['looks less and less often', failed('tooManyDiscovered'), 5, 'look', 16_000],
    ['leaves an operator who said no alone', failed('deviceRefused'), 1, 'look', WAIT_MS.refused],
  ])('%s', (_what, answer, failures, action, waitMs) => {
    expect(decideNextAsk(answer, failures, 1)).toMatchObject({ action, waitMs });
    expect(decideNextAsk(answer, failures, 0).waitMs).toBeLessThan(waitMs);
  });

  test('for approval is shorter than the silence that makes a device unreachable', () => {
    expect(decideNextAsk({ kind: 'waiting' }, 0, 1).waitMs).toBeLessThan(8_000 / 2);
  });
});

test.each<[string, unknown, boolean]>([
  ['an inventory', { hostname: 'edge-1', cpuFeatures: ['avx2'], cpus: 2, inner: { a: null } }, true],
  ['a terminal sequence', { hostname: '\u001b[2J' }, false],
  ['a line break deep inside', { a: [{ b: ['x\ny'] }] }, false],
  ['a name that is none', { 'a\u0007': 1 }, false],
  ['text that runs the other way', 'a\u202eb', false],
  ['too much', 'x'.repeat(513), false],
])('%s is plain or not', (_what, value, plain) => {
  expect(isPlain(value)).toBe(plain);
});

test('a key is shown as SSH shows its own', () => {
  const hash = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
  expect(keyFingerprint(hash)).toBe('SHA256:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg');
});
