import { z } from 'zod';

/** What an id names; the prefix makes an id readable in a log. */
export const ID_PREFIX = {
  compute: 'cmp',
  group: 'grp',
  volume: 'vol',
  device: 'dev',
  image: 'img',
  app: 'app',
  upload: 'upl',
  registry: 'reg',
  pull: 'pul',
  migration: 'mig',
  evacuation: 'eva',
  schedule: 'sch',
  snapshot: 'snp',
  token: 'tok',
  user: 'usr',
  tenant: 'tnt',
  invitation: 'inv',
  webhook: 'whk',
} as const;

export type IdKind = keyof typeof ID_PREFIX;

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 12;

/** An id such as `cmp_3f9k2m7q0x1z`: prefix, underscore, 12 characters (62 bits) of base 36. */
export function newId(kind: IdKind, random: (bytes: number) => Uint8Array): string {
  const bytes = random(RANDOM_LENGTH);
  let text = '';
  for (const byte of bytes) text += ALPHABET[byte % ALPHABET.length];
  return `${ID_PREFIX[kind]}_${text}`;
}

/** A schema for the ids of one kind. */
export function idSchema(kind: IdKind): z.ZodString {
  return z.string().regex(new RegExp(`^${ID_PREFIX[kind]}_[0-9a-z]{12}$`), `must be the id of a ${kind}`);
}

/** A transfer's id: 128 random bits in hex, new for every freeze. */
export const transferIdSchema = z.string().regex(/^[0-9a-f]{32}$/);
