import { expect, test } from 'vitest';
import { parseFlags } from './parseFlags.ts';
import { plan } from './plan.ts';

const words = (only: string[], repeats = 1) =>
  plan(only, repeats).map(
    ({ link, repeat, workload, contender }) => `${link} ${repeat} ${workload.name} ${contender}`,
  );

test('a plan goes link by link, and through all contenders in each repeat', () => {
  expect(words(['unshaped', '100mbit', 'idle'], 2)).toEqual([
    ...['drayage', 'podman', 'docker', 'bare'].map((contender) => `unshaped 1 idle ${contender}`),
    ...['drayage', 'podman', 'docker', 'bare'].map((contender) => `unshaped 2 idle ${contender}`),
    ...['drayage', 'podman', 'docker', 'bare'].map((contender) => `100mbit 1 idle ${contender}`),
    ...['drayage', 'podman', 'docker', 'bare'].map((contender) => `100mbit 2 idle ${contender}`),
  ]);
});

test('what is only for some links or contenders is in no other turn', () => {
  expect(words(['linkTime'])).toEqual(['1gbit 1 linkTime drayage']);
  expect(words(['1gb', 'bare'])).toEqual([]);
});

test('all of it has every workload, link and contender', () => {
  const all = plan([], 1);
  expect(new Set(all.map(({ link }) => link)).size).toBe(3);
  expect(new Set(all.map(({ contender }) => contender)).size).toBe(4);
  expect(new Set(all.map(({ workload }) => workload.name))).toContain('memory');
});

test('flags are read, and refused with a mend', () => {
  expect(parseFlags([])).toEqual({ quick: false, help: false, repeats: 5, only: [], lab: null });
  expect(parseFlags(['--quick'])).toMatchObject({ repeats: 1, only: ['unshaped', 'idle', '256mb'] });
  expect(parseFlags(['--only', '1gbit,podman', '--repeats', '9'])).toMatchObject({
    repeats: 9,
    only: ['1gbit', 'podman'],
  });
  for (const wrong of [['--only', 'docker,nobody'], ['--repeats', '0'], ['--repeats', 'x'], ['--fast']])
    expect(() => parseFlags(wrong)).toThrow(/npm run bench -- --help/);
});
