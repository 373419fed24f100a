import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** 16 MiB and about 50 ms a guess; N, r and p are stored with each hash, so that they may be raised later. */
const COST = { N: 2 ** 14, r: 8, p: 5 };
const KEY_BYTES = 32;

/** `scrypt$N$r$p$salt$hash`, base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, salt, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** With null (no such account) it works as long as with a hash, and says no. */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const [, N, r, p, salt = '', hash = ''] = (stored ?? `scrypt$${String(COST.N)}$8$5$AAAA$AAAA`).split('$');
  const expected = Buffer.from(hash, 'base64url');
  const key = await derive(password, Buffer.from(salt, 'base64url'), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  });
  return stored !== null && expected.length === key.length && timingSafeEqual(expected, key);
}

function derive(password: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, KEY_BYTES, { ...cost, maxmem: 128 * 2 ** 20 }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

/** 256 random bits, hex. */
export function newSecret(): string {
  return randomBytes(32).toString('hex');
}

/** What is stored of a secret of 256 random bits: nothing slower than SHA-256 is needed for those. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
