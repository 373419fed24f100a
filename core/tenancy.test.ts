import { describe, expect, it } from 'vitest';
import { decideAccess, decideOwnerChange, type Need, type TenantRole } from './tenancy.ts';

const NEEDS: Need[] = ['open', 'signedIn', 'viewer', 'member', 'owner', 'operator'];

describe('decideAccess', () => {
  const allowed: [who: string, asking: { operator: boolean; role: TenantRole | null }, Need[]][] = [
    ['an operator', { operator: true, role: null }, NEEDS],
    ['an owner', { operator: false, role: 'owner' }, ['open', 'signedIn', 'viewer', 'member', 'owner']],
    ['a member', { operator: false, role: 'member' }, ['open', 'signedIn', 'viewer', 'member']],
    ['a viewer', { operator: false, role: 'viewer' }, ['open', 'signedIn', 'viewer']],
    ['who has no tenant', { operator: false, role: null }, ['open', 'signedIn']],
  ];
  it.each(allowed)('lets %s do what the role gives, and nothing more', (_who, asking, needs) => {
    expect(NEEDS.filter((need) => decideAccess(need, asking).action === 'allow')).toEqual(needs);
  });

  it('says what is missing and who can give it', () => {
    expect(decideAccess('owner', { operator: false, role: 'member' })).toMatchObject({
      action: 'refuse',
      cause: { code: 'forbidden', message: expect.stringContaining('needs the role owner') as string },
    });
  });
});

describe('decideOwnerChange', () => {
  it.each<[owners: number, before: TenantRole, after: TenantRole | null, action: string]>([
    [1, 'owner', null, 'refuse'],
    [1, 'owner', 'member', 'refuse'],
    [1, 'owner', 'owner', 'allow'],
    [2, 'owner', null, 'allow'],
    [2, 'owner', 'viewer', 'allow'],
    [1, 'member', null, 'allow'],
    [1, 'viewer', 'owner', 'allow'],
  ])('with %i owners, %s to %s: %s', (owners, before, after, action) => {
    expect(decideOwnerChange(owners, before, after).action).toBe(action);
  });
});
