import { expect, it } from 'vitest';
import { chooseTenant, knownTenants, type KnownTenant } from './chooseTenant.ts';

const tenant = (name: string, role: KnownTenant['role'] = 'owner'): KnownTenant => ({
  id: `tnt_${name}`,
  name,
  role,
});
const [a, b, c] = [tenant('a'), tenant('b', 'viewer'), tenant('c', null)];

it.each([
  ['the one that was chosen last', [a, b], b.id, b],
  ['the first, when none was', [a, b], null, a],
  ['the first, when that one is not known any more', [a, b], c.id, a],
  ['none, when there is none', [], a.id, null],
])('begins with %s', (_name, known, last, chosen) => {
  expect(chooseTenant(known, last)).toBe(chosen);
});

it('has those of the account first, and none twice', () => {
  expect(
    knownTenants([b], [{ ...a, role: null }, { ...b, role: null }, c]).map(({ name, role }) => [name, role]),
  ).toEqual([
    ['b', 'viewer'],
    ['a', null],
    ['c', null],
  ]);
});
