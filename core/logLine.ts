import { z } from 'zod';

/** When a line was logged, by its device's clock: RFC 3339 with nanoseconds, UTC. */
const timeSchema = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$/);

/** One entry of a compute's log: a line, or a part of a very long one. */
export const logLineSchema = z.object({
  /** Absent in what devices of earlier versions say. */
  time: timeSchema.optional(),
  stream: z.enum(['stdout', 'stderr']),
  data: z.base64(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** The last line of a log that was followed: one sentence that says why nothing more comes. */
export const logEndSchema = z.object({ end: z.string() });
export type LogEnd = z.infer<typeof logEndSchema>;

const PREFIX = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z) /;
const PREFIX_BYTES = 31;

/** Takes the time off the front of an entry, as the engine puts it there. */
export function splitTime(entry: Buffer): { time?: string; data: Buffer } {
  const time = PREFIX.exec(entry.subarray(0, PREFIX_BYTES).toString('latin1'))?.[1];
  return time === undefined ? { data: entry } : { time, data: entry.subarray(PREFIX_BYTES) };
}

/** A time as the engine's query takes it: seconds since 1970 with nine decimals, `earlierSeconds` before. */
export function engineTime(time: string, earlierSeconds = 0): string {
  const [seconds = '', fraction = ''] = time.replace('Z', '').split('.');
  return `${String(Date.parse(`${seconds}Z`) / 1000 - earlierSeconds)}.${fraction.padEnd(9, '0').slice(0, 9)}`;
}
