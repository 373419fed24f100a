import { z } from 'zod';

/** How many times as long things take where the tests run; the guests of `npm run test:vm` have emulated processors. */
export const PATIENCE = z.coerce.number().positive().default(1).parse(process.env['DRAYAGE_TEST_PATIENCE']);

/** A time limit, milliseconds, for where the tests run. */
export function patient(ms: number): number {
  return ms * PATIENCE;
}
