import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { baseUrl, isPublicAddress, registriesSchema, ruleFor } from './policy.ts';

const policy = registriesSchema.parse('registry.lan:5000, http://10.0.0.5:5000,,https://Hub.example.org');

describe('which registries tenants may name', () => {
  it.each([
    ['https://registry.example.com/v2/', 'publicOnly'],
    ['https://registry.lan:5000/v2/', 'anyAddress'],
    ['https://registry.lan/v2/', 'publicOnly'],
    ['https://hub.example.org/v2/', 'anyAddress'],
    ['http://10.0.0.5:5000/v2/', 'anyAddress'],
    ['https://10.0.0.5:5000/v2/', 'anyAddress'],
    ['http://10.0.0.5/v2/', 'refused'],
    ['http://registry.lan:5000/v2/', 'refused'],
    ['http://registry.example.com/v2/', 'refused'],
    ['https://user:word@registry.example.com/v2/', 'refused'],
    ['file:///etc/passwd', 'refused'],
    ['gopher://registry.example.com/', 'refused'],
  ])('%s: %s', (url, rule) => {
    expect(ruleFor(policy, new URL(url))).toBe(rule);
  });

  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.9.9.9',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fd00::1',
    'fe80::1',
    'ff02::1',
    'not an address',
  ])('%s is not of the internet', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])('%s is', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it('counts no address of this machine as one of the internet', () => {
    for (const { address } of Object.values(networkInterfaces()).flatMap((cards) => cards ?? []))
      expect(isPublicAddress(address), address).toBe(false);
  });

  it('takes TLS unless the operator says otherwise', () => {
    expect(baseUrl(policy, 'registry.lan:5000').href).toBe('https://registry.lan:5000/v2/');
    expect(baseUrl(policy, '10.0.0.5:5000').href).toBe('http://10.0.0.5:5000/v2/');
  });

  it('is refused as a setting that is none', () => {
    for (const text of ['ftp://x', 'x/y', 'x y', 'http://'])
      expect(registriesSchema.safeParse(text).success, text).toBe(false);
  });
});
