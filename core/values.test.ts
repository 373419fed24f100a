import { describe, expect, it } from 'vitest';
import { ipToNumber, macOfIp, numberToIp, parseAddressRange } from './ipv4.ts';
import { formatJoinToken, parseJoinToken } from './joinToken.ts';
import { formatBytes, memorySizeSchema } from './memorySize.ts';

describe('memorySizeSchema', () => {
  it.each([
    ['256m', 256 * 2 ** 20],
    ['256M', 256 * 2 ** 20],
    ['256MiB', 256 * 2 ** 20],
    ['1.5g', 1.5 * 2 ** 30],
    ['1048576', 2 ** 20],
    ['64k', 65_536],
    ['1t', 2 ** 40],
  ])('%s', (text, bytes) => {
    expect(memorySizeSchema.parse(text)).toBe(bytes);
  });
  it.each(['', '0', '-1', 'm', '1x', '1 m b', 'NaN', '1e3', '99999999999999999999'])('refuses %j', (text) => {
    expect(memorySizeSchema.safeParse(text).success).toBe(false);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1536, '1.5 KiB'],
    [256 * 2 ** 20, '256 MiB'],
    [3.25 * 2 ** 30, '3.3 GiB'],
  ])('%i', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('addresses', () => {
  it.each(['0.0.0.0', '10.77.1.0', '192.168.255.254', '255.255.255.255'])('%s is a number and back', (ip) => {
    expect(numberToIp(ipToNumber(ip))).toBe(ip);
  });
  it('gives a MAC as Docker does', () => {
    expect(macOfIp('10.77.1.255')).toBe('02:42:0a:4d:01:ff');
  });
  it('reads a range with its gateway', () => {
    const range = parseAddressRange('10.77.0.0/16', '10.77.1.0-10.77.1.3', '10.77.0.1');
    expect(range).toEqual({
      first: ipToNumber('10.77.1.0'),
      last: ipToNumber('10.77.1.3'),
      prefix: 16,
      gateway: '10.77.0.1',
    });
  });
  it.each([
    ['10.77.0.0', '10.77.1.0-10.77.1.3', undefined],
    ['10.77.0.0/31', '10.77.0.0-10.77.0.1', undefined],
    ['10.77.0.0/16', '10.78.1.0-10.78.1.3', undefined],
    ['10.77.0.0/16', '10.77.1.3-10.77.1.0', undefined],
    ['10.77.0.0/16', '10.77.1.0', undefined],
    ['10.77.0.0/16', '10.77.1.0-10.77.1.300', undefined],
    ['10.77.0.0/16', '10.77.1.0-10.77.1.3', '10.1.0.1'],
  ])('refuses %s %s %s', (subnet, range, gateway) => {
    expect(() => parseAddressRange(subnet, range, gateway)).toThrow(/cannot be used/);
  });
});

describe('join tokens', () => {
  const parts = { id: 'tok_0123456789ab', secret: 'a'.repeat(64), caFingerprint: 'Ab-_'.repeat(10) + 'xyz' };
  it('are read as they were written, with any character of base64url', () => {
    expect(parseJoinToken(` ${formatJoinToken(parts)}\n`)).toEqual(parts);
  });
  it.each([
    '',
    'drj_',
    'drt_abc',
    `drj_short_${'a'.repeat(64)}_${'b'.repeat(43)}`,
    `${formatJoinToken(parts)}x`,
  ])('refuses %j', (text) => {
    expect(parseJoinToken(text)).toBeNull();
  });
});
