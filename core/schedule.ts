import { Cron } from 'croner';
import { z } from 'zod';

/** What a schedule begins. */
export const SCHEDULE_ACTIONS = ['evacuate', 'rebalance'] as const;
export type ScheduleAction = (typeof SCHEDULE_ACTIONS)[number];

/** Started no later than this after its time, seconds: a maintenance does not begin in the middle of the day, for the night was slept through. */
export const CATCH_UP_SECONDS = 600;

/** Minute, hour, day of month, month, day of week: as crontab(5) has it. */
export const cronSchema = z
  .string()
  .max(100)
  .refine(isCron, 'must be five fields as of crontab(5), such as "0 3 * * sun", for times that come');

/** A name of the time zone database, such as Europe/Berlin. */
export const timeZoneSchema = z
  .string()
  .max(64)
  .refine(isTimeZone, 'must be a time zone, such as UTC or Europe/Berlin');

function isCron(text: string): boolean {
  if (text.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(text, { paused: true, mode: '5-part', timezone: 'UTC' }).nextRun() !== null;
  } catch {
    return false;
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** When it is due after an instant; null: never again. */
export function nextRun(cron: string, timeZone: string, after: Date): Date | null {
  return new Cron(cron, { paused: true, mode: '5-part', timezone: timeZone }).nextRun(after);
}
