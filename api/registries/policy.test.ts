import { describe, expect, it } from 'vitest';
import { baseUrl, registriesSchema, ruleFor } from './policy.ts';

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

  it('takes TLS unless the operator says otherwise', () => {
    expect(baseUrl(policy, 'registry.lan:5000').href).toBe('https://registry.lan:5000/v2/');
    expect(baseUrl(policy, '10.0.0.5:5000').href).toBe('http://10.0.0.5:5000/v2/');
  });

  it('is refused as a setting that is none', () => {
    for (const text of ['ftp://x', 'x/y', 'x y', 'http://'])
      expect(registriesSchema.safeParse(text).success, text).toBe(false);
  });
});
