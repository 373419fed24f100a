import { describe, expect, it } from 'vitest';
import {
  type Attempt,
  decideDelivery,
  type DeliveryDecision,
  GIVE_UP_AFTER_HOURS,
  parseRetryAfter,
} from './webhookRetry.ts';

const HOUR_MS = 3_600_000;
const answered = (status: number, retryAfterMs?: number): Attempt => ({
  ...{ outcome: 'answered', status },
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});
const failed: Attempt = { outcome: 'failed', reason: 'Nobody listens there.' };
const first = { failures: 0, failingMs: 0, random: 1 };

describe('an attempt to deliver', () => {
  it.each<[string, Attempt, Partial<typeof first>, Partial<DeliveryDecision> & { afterMs?: number }]>([
    ['200', answered(200), {}, { action: 'delivered' }],
    ['204', answered(204), {}, { action: 'delivered' }],
    ['202 after failures', answered(202), { failures: 7, failingMs: HOUR_MS }, { action: 'delivered' }],
    ['200 after all that time', answered(200), { failingMs: 100 * HOUR_MS }, { action: 'delivered' }],
    ['a redirect', answered(302), {}, { action: 'retry', afterMs: 1_000 }],
    ['500', answered(500), {}, { action: 'retry', afterMs: 1_000 }],
    ['404', answered(404), { failures: 1 }, { action: 'retry', afterMs: 3_000 }],
    ['no answer', failed, { failures: 2 }, { action: 'retry', afterMs: 9_000 }],
    ['no answer, the least wait', failed, { failures: 2, random: 0 }, { action: 'retry', afterMs: 4_500 }],
    ['the tenth failure', answered(503), { failures: 9 }, { action: 'retry', afterMs: HOUR_MS }],
    ['the thousandth failure', failed, { failures: 999 }, { action: 'retry', afterMs: HOUR_MS }],
    ['503 that asks for more time', answered(503, 20_000), {}, { action: 'retry', afterMs: 20_000 }],
    ['429 that asks for less time', answered(429, 100), {}, { action: 'retry', afterMs: 1_000 }],
    ['503 that asks for a day', answered(503, 24 * HOUR_MS), {}, { action: 'retry', afterMs: HOUR_MS }],
    ['410', answered(410), {}, { action: 'disable' }],
    [
      'a failure just before the end',
      failed,
      { failures: 80, failingMs: GIVE_UP_AFTER_HOURS * HOUR_MS - 1 },
      { action: 'retry' },
    ],
    [
      'a failure after the last hour',
      failed,
      { failures: 80, failingMs: GIVE_UP_AFTER_HOURS * HOUR_MS },
      { action: 'disable', reason: 'An event was not taken for 72 hours. Nobody listens there.' },
    ],
  ])('%s', (_name, attempt, over, decision) => {
    expect(decideDelivery(attempt, { ...first, ...over })).toMatchObject(decision);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');
  it.each<[string | undefined, number | null]>([
    [undefined, null],
    ['0', 0],
    ['120', 120_000],
    ['Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
    ['Sat, 31 Jan 2026 11:00:00 GMT', 0],
    ['-1', null],
    ['1.5', null],
    ['9999999999', null],
    ['2026-01-31', null],
    ['soon', null],
  ])('%s', (header, ms) => {
    expect(parseRetryAfter(header, now)).toBe(ms);
  });
});
