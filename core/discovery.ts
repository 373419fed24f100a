import { z } from 'zod';
import type { Cause } from './cause.ts';
import type { HeardService } from './dnsSd.ts';

/** Devices that join by themselves: what both sides agree on, and what a waiting device decides. */

/** DNS-SD service type under which a control plane announces itself. */
export const SERVICE_TYPE = '_drayage._tcp';

/** At most this many devices wait for approval at a time. */
export const MAX_DISCOVERED = 256;
/** A device that was not approved in this time is forgotten, hours. */
export const FORGET_AFTER_HOURS = 24;
/** Requests to join that one address may make in a minute; a device that waits makes about 20. */
export const JOIN_REQUESTS_PER_MINUTE = 60;

/** base64url SHA-256 of an authority's certificate. */
const fingerprintSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

const announcementSchema = z.object({
  version: z.string().max(64).default(''),
  authority: fingerprintSchema,
  port: z.coerce.number().int().min(1).max(65_535),
});

/** A control plane as a device has heard of it. Nothing of it is proved. */
export interface Announcement {
  /** Of its device API. */
  url: string;
  /** Its authority's fingerprint. */
  authority: string;
  version: string;
}

/** The text of the announcement (its TXT record). */
export function announcementText(control: {
  version: string;
  authority: string;
  port: number;
}): Record<string, string> {
  return { version: control.version, authority: control.authority, port: String(control.port) };
}

/** Null when the service is none of ours, or speaks in another way. */
export function readAnnouncement({ address, txt }: HeardService): Announcement | null {
  const parsed = announcementSchema.safeParse(txt);
  if (!parsed.success) return null;
  const { authority, version, port } = parsed.data;
  return { url: `https://${address}:${String(port)}`, authority, version };
}

/** What `os.networkInterfaces()` says of one address. */
interface CardAddress {
  address: string;
  family: string;
  internal: boolean;
}

/**
 * The addresses of this machine on which multicast DNS is spoken, one for each network card. `listening` is where the
 * announced service listens: on one address it is announced there alone; on a loopback nobody could reach it.
 */
export function multicastAddresses(
  cards: Record<string, CardAddress[] | undefined>,
  listening = '0.0.0.0',
): string[] {
  const everywhere = listening === '0.0.0.0' || listening === '::';
  return Object.values(cards).flatMap((addresses) => {
    const usable = (addresses ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal);
    const first = everywhere ? usable[0] : usable.find(({ address }) => address === listening);
    return first ? [first.address] : [];
  });
}

export type AuthorityDecision =
  | { action: 'pin'; reason: string }
  | { action: 'trust'; reason: string }
  | { action: 'ignore'; reason: string };

/**
 * Whether a control plane that was found is asked: the authority that was learned first is the only one from then on.
 * `announced` is null where the address was given to the device instead.
 */
export function decideAuthority(seen: {
  pinned: string | null;
  announced: string | null;
  presented: string;
}): AuthorityDecision {
  const { pinned, announced, presented } = seen;
  if (announced !== null && announced !== presented)
    return { action: 'ignore', reason: 'it shows another authority than the one it announces' };
  if (pinned === null) return { action: 'pin', reason: 'it is the first that was found' };
  if (pinned === presented)
    return { action: 'trust', reason: 'its authority is the one that was found first' };
  return {
    action: 'ignore',
    reason: `its authority ${presented} is not the one that was found first, ${pinned}`,
  };
}

/** Waits of a device that joins by itself, milliseconds. */
export const WAIT_MS = {
  /** For approval. Shorter than the silence after which a device counts as unreachable. */
  approval: 3_000,
  /** After a failure: the first, doubled each time up to the longest. */
  first: 1_000,
  longest: 60_000,
  /** After the operator said no. */
  refused: 600_000,
};

/** Exponential back-off, milliseconds; `random` is in [0, 1): half of the wait is by chance, so that devices spread. */
export function backOff(attempt: number, random: number): number {
  const whole = Math.min(WAIT_MS.first * 2 ** Math.min(attempt, 30), WAIT_MS.longest);
  return Math.round(whole * (0.5 + random / 2));
}

export type JoinAnswer = { kind: 'waiting' } | { kind: 'failed'; cause: Cause };

export interface NextAsk {
  /** `ask` the same control plane again, or `look` for one anew: it may have another address now. */
  action: 'ask' | 'look';
  waitMs: number;
  reason: string;
}

/** What a device does after an answer other than its certificate; `failures` are those in a row, this one included. */
export function decideNextAsk(answer: JoinAnswer, failures: number, random: number): NextAsk {
  if (answer.kind === 'waiting')
    return {
      action: 'ask',
      waitMs: Math.round(WAIT_MS.approval * (0.75 + random / 4)),
      reason: 'the operator has not approved it yet',
    };
  const { code, message } = answer.cause;
  if (code === 'deviceRefused')
    return {
      action: 'look',
      waitMs: Math.round(WAIT_MS.refused * (0.75 + random / 4)),
      reason: 'the operator has refused this key',
    };
  return { action: 'look', waitMs: backOff(failures - 1, random), reason: message };
}

/** Printable ASCII: what a stranger may have shown on an operator's terminal. */
const PLAIN = /^[\x20-\x7e]{0,512}$/;

/** Whether every text in a value is plain. */
export function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return PLAIN.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => PLAIN.test(key) && isPlain(inner));
}
