import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DrayageError } from '../core/cause.ts';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * A secret as it may lie in the database: AES-256-GCM, base64url. `about` says what it belongs to; it cannot be opened as
 * anything else's. `key` has 32 bytes.
 */
export function sealText(key: Buffer, about: string, text: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** @throws DrayageError secretUnreadable: sealed with another key, for something else, or damaged */
export function openText(key: Buffer, about: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    // A shorter tag would be easier to make up.
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(about))
      .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    return text.toString('utf8');
  } catch (error) {
    throw new DrayageError(
      {
        code: 'secretUnreadable',
        message: 'A stored password cannot be read: it was sealed by another installation.',
        mend: 'Give it again; restore the data directory together with the database.',
      },
      { cause: error },
    );
  }
}
