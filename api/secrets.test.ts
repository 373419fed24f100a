import { describe, expect, it } from 'vitest';
import { hashPassword, hashSecret, newSecret, verifyPassword } from './secrets.ts';

describe('passwords', () => {
  it('are kept salted, and only the right one is right', async () => {
    const [one, two] = await Promise.all([hashPassword('pässword'), hashPassword('pässword')]);
    expect(one).not.toBe(two);
    expect(one).not.toContain('pässword');
    expect(await verifyPassword('pässword', one)).toBe(true);
    expect(await verifyPassword('password', one)).toBe(false);
    expect(await verifyPassword('', one)).toBe(false);
    expect(await verifyPassword('pässword', null)).toBe(false);
  });
});

describe('secrets', () => {
  it('are never the same, nor is their hash the secret', () => {
    const secret = newSecret();
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(newSecret()).not.toBe(secret);
    expect(hashSecret(secret)).not.toBe(secret);
  });
});
