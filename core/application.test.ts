import { expect, it } from 'vitest';
import { requireStillReady } from './application.ts';
import { DrayageError } from './cause.ts';

it.each([
  ['ready', true],
  ['cordoned', false],
  ['draining', false],
  ['unreachable', false],
] as const)('a device that is %s by now gets the compute: %s', (state, may) => {
  const check = () => requireStillReady({ name: 'edge', state });
  if (may) expect(check).not.toThrow();
  else expect(check).toThrow(DrayageError);
});
