import { describe, expect, test } from 'vitest';
import { addressCauses, partNameSchema, planRestore } from './snapshot.ts';

const spec = { tmpfs: [{ path: '/run', sizeBytes: 4096 }], volumes: [{ name: 'data' }] };
const parts = (...names: string[]) => names.map((name) => ({ name }));

describe('planRestore', () => {
  test('puts the parts of each tree in the order in which they are applied', () => {
    const plan = planRestore(
      spec,
      parts('images', 'layer.1', 'layer.0', 'volume-data.0', 'tmpfs-1.1', 'tmpfs-1.0', 'layer.2'),
    );
    expect(Object.fromEntries(plan)).toEqual({
      layer: ['layer.0', 'layer.1', 'layer.2'],
      'volume-data': ['volume-data.0'],
      'tmpfs-1': ['tmpfs-1.0', 'tmpfs-1.1'],
    });
  });

  test.each([
    ['no memory', ['layer.0', 'volume-data.0'], 'no memory'],
    ['no layer', ['images', 'volume-data.0'], 'layer is missing'],
    ['a volume that is missing', ['images', 'layer.0'], 'volume-data is missing'],
    ['a volume of another compute', ['images', 'layer.0', 'volume-data.0', 'volume-x.0'], 'volume-x.0'],
    ['a gap', ['images', 'layer.0', 'layer.2', 'volume-data.0'], 'layer.2'],
    ['a tree that begins with a difference', ['images', 'layer.1', 'volume-data.0'], 'layer is missing'],
    ['a part twice', ['images', 'images', 'layer.0', 'volume-data.0'], 'twice'],
  ])('refuses %s', (_what, names, words) => {
    expect(() => planRestore(spec, parts(...names))).toThrow(words);
  });
});

test.each([
  ['images', true],
  ['layer.0', true],
  ['volume-my-data.12', true],
  ['../layer.0', false],
  ['layer', false],
  ['layer.01', false],
  ['a/b.0', false],
  ['Layer.0', false],
])('the name %s of a part is taken: %s', (name, taken) => {
  expect(partNameSchema.safeParse(name).success).toBe(taken);
});

test.each([
  ['nothing bound to it', [], '10.77.1.1', '10.77.1.2', []],
  ['the same address', ['tcp 10.77.1.1:80'], '10.77.1.1', '10.77.1.1', []],
  ['another address', ['tcp 10.77.1.1:80'], '10.77.1.1', '10.77.1.2', ['boundToAddress']],
] as const)('an address: %s', (_what, bound, before, given, codes) => {
  const causes = addressCauses({ bound: [...bound] }, before, given);
  expect(causes.map(({ code }) => code)).toEqual(codes);
});
