import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openText, sealText } from './sealedText.ts';

const key = randomBytes(32);

describe('a sealed text', () => {
  it('is opened by the same key for the same purpose only, and shows nothing', () => {
    const sealed = sealText(key, 'tnt_1 x.org', 'hunter2 🚢');
    expect(openText(key, 'tnt_1 x.org', sealed)).toBe('hunter2 🚢');
    expect(sealText(key, 'tnt_1 x.org', 'hunter2 🚢')).not.toBe(sealed);
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('hunter2');
    const damaged = `${sealed.slice(0, -3)}AAA`;
    for (const open of [
      () => openText(randomBytes(32), 'tnt_1 x.org', sealed),
      () => openText(key, 'tnt_2 x.org', sealed),
      () => openText(key, 'tnt_1 x.org', damaged),
      () => openText(key, 'tnt_1 x.org', ''),
    ])
      expect(open).toThrow('cannot be read');
  });
});
