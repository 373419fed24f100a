import { describe, expect, it } from 'vitest';
import { imageNameSchema } from './api/images.ts';
import { nameOfReference, parseReference, registryHostSchema } from './registryReference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const HUB = 'registry-1.docker.io';

describe('a reference', () => {
  it.each([
    ['web', { host: HUB, repository: 'library/web', tag: 'latest', digest: null }, 'web'],
    ['shop/web:1.2', { host: HUB, repository: 'shop/web', tag: '1.2', digest: null }, 'shop/web:1.2'],
    ['docker.io/web', { host: HUB, repository: 'library/web', tag: 'latest', digest: null }, 'web'],
    [
      'Registry.Example.org/a/b/c:v1',
      { host: 'registry.example.org', repository: 'a/b/c', tag: 'v1', digest: null },
      'a/b/c:v1',
    ],
    ['localhost/web', { host: 'localhost', repository: 'web', tag: 'latest', digest: null }, 'web'],
    ['10.1.2.3:5000/web', { host: '10.1.2.3:5000', repository: 'web', tag: 'latest', digest: null }, 'web'],
    ['[::1]:5000/web', { host: '[::1]:5000', repository: 'web', tag: 'latest', digest: null }, 'web'],
    [`x.org/web@${DIGEST}`, { host: 'x.org', repository: 'web', tag: null, digest: DIGEST }, 'web'],
    [`x.org/web:2@${DIGEST}`, { host: 'x.org', repository: 'web', tag: '2', digest: DIGEST }, 'web:2'],
    ['x.org/a__b--c', { host: 'x.org', repository: 'a__b--c', tag: 'latest', digest: null }, 'a_b-c'],
  ])('%s', (text, parsed, name) => {
    expect(parseReference(text)).toEqual(parsed);
    expect(nameOfReference(parseReference(text)!)).toBe(name);
    expect(imageNameSchema.safeParse(name).success).toBe(true);
  });

  it.each([
    '',
    'Web',
    'Shop/web',
    'http://x.org/web',
    'x.org/../web',
    'x.org/web:',
    'x.org/web@sha256:1',
    'x.org/web?a=b',
    'x.org/web#a',
    'user:pass@x.org/web',
    'x.org /web',
    'web\n',
    'web🚢',
    'a'.repeat(10_000) + '/',
  ])('%j is none', (text) => {
    expect(parseReference(text)).toBeNull();
  });

  it('has a host that is one', () => {
    expect(registryHostSchema.parse('Docker.io')).toBe(HUB);
    for (const text of ['', 'http://x', 'x/y', 'x:port', 'x y', '-x', 'x@y', 'x\n'])
      expect(registryHostSchema.safeParse(text).success, text).toBe(false);
  });
});
