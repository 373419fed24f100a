import { describe, expect, it } from 'vitest';
import { cronSchema, nextRun, timeZoneSchema } from './schedule.ts';

describe('the times of a schedule', () => {
  it.each([
    ['0 3 * * sun', true],
    ['*/15 * * * *', true],
    ['30 2 1,15 * 1-5', true],
    ['0 3 * *', false],
    ['0 3 * * * *', false],
    ['61 3 * * *', false],
    ['at night', false],
    ['0 0 30 2 *', false],
    ['', false],
  ])('%s: %s', (text, good) => {
    expect(cronSchema.safeParse(text).success).toBe(good);
  });

  it.each([
    ['UTC', true],
    ['Europe/Berlin', true],
    ['Mars/Olympus', false],
    ['', false],
  ])('time zone %s: %s', (name, good) => {
    expect(timeZoneSchema.safeParse(name).success).toBe(good);
  });

  it.each([
    ['0 3 * * *', 'UTC', '2030-01-01T02:59:59Z', '2030-01-01T03:00:00.000Z'],
    ['0 3 * * *', 'UTC', '2030-01-01T03:00:00Z', '2030-01-02T03:00:00.000Z'],
    ['0 3 * * *', 'Europe/Berlin', '2030-07-01T00:00:00Z', '2030-07-01T01:00:00.000Z'],
    ['0 3 * * sun', 'UTC', '2030-01-01T00:00:00Z', '2030-01-06T03:00:00.000Z'],
  ])('%s in %s after %s is at %s', (cron, zone, after, due) => {
    expect(nextRun(cron, zone, new Date(after))?.toISOString()).toBe(due);
  });
});
