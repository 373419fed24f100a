import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quote } from './ssh.ts';

test('a shell takes a quoted word as it was', () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom(...`a '"\\$\`\n;&|*é`) }), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(words, (list) => {
      const line = ['printf', '%s\\0', ...list].map(quote).join(' ');
      expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(list);
    }),
    { numRuns: 50 },
  );
});
