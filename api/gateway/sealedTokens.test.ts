import { describe, expect, it } from 'vitest';
import { SealedTokens } from './sealedTokens.ts';

const tokens = new SealedTokens(Buffer.alloc(32, 1));
const token = Buffer.from('a task');

describe('a sealed token', () => {
  it('opens for the device that it was sealed for, and for no other', () => {
    const sealed = tokens.seal('dev_a', token);
    expect(tokens.open('dev_a', sealed)).toEqual(token);
    expect(tokens.open('dev_b', sealed)).toBeNull();
    expect(new SealedTokens(Buffer.alloc(32, 2)).open('dev_a', sealed)).toBeNull();
  });

  it('opens no more when a bit of it was changed, or when it never was sealed', () => {
    const sealed = tokens.seal('dev_a', token);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(tokens.open('dev_a', changed)).toBeNull();
    }
    for (const forged of [token, Buffer.alloc(0), Buffer.alloc(32), Buffer.alloc(64)])
      expect(tokens.open('dev_a', forged)).toBeNull();
  });
});
