import { expect, test } from 'vitest';
import { CLOCK_TOLERANCE_MS, clockCauses } from './clockCauses.ts';

const HOUR = 3_600_000;

test.each<[string, number | null, string | null]>([
  ['nothing was said', null, null],
  ['right', 0, null],
  ['a little ahead', CLOCK_TOLERANCE_MS, null],
  ['a little behind', -CLOCK_TOLERANCE_MS, null],
  ['an hour ahead', HOUR, '60 minutes ahead of'],
  ['an hour behind', -HOUR, '60 minutes behind'],
  ['hours off', 5 * HOUR, '5 hours ahead of'],
  ['of a device without a battery', -365 * 24 * HOUR, '365 days behind'],
])('a clock: %s', (_what, offset, says) => {
  const causes = clockCauses('edge', offset);
  expect(causes.map(({ code }) => code)).toEqual(says === null ? [] : ['clockWrong']);
  if (says !== null) expect(causes[0]?.message).toContain(`edge is ${says} the control plane's`);
});
