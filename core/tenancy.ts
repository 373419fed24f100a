import { z } from 'zod';
import { type Cause } from './cause.ts';
import { nameSchema } from './compute.ts';

/** What a member of a tenant may do: look; also change what the tenant has; also say who belongs to it. */
export const tenantRoleSchema = z.enum(['viewer', 'member', 'owner']);
export type TenantRole = z.infer<typeof tenantRoleSchema>;

/** Of an account in the whole installation. An operator runs the devices, and may act in every tenant. */
export const accountRoleSchema = z.enum(['operator', 'user']);
export type AccountRole = z.infer<typeof accountRoleSchema>;

/**
 * What a route needs of who asks: nothing (`open`), an account (`signedIn`), a role in the tenant it is about, or that it is
 * the operator of the installation.
 */
export type Need = 'open' | 'signedIn' | TenantRole | 'operator';

/** Names of tenants are also what people write on command lines. */
export const tenantNameSchema = nameSchema.refine(
  (name) => !name.startsWith('tnt_'),
  'must not look like an id',
);

/** Which things a request may see: those of one tenant; an operator finds the others by their ids, too. */
export interface Scope {
  tenantId: string;
  everywhere: boolean;
}

const RANK: Record<TenantRole, number> = { viewer: 1, member: 2, owner: 3 };

export interface Asking {
  operator: boolean;
  /** In the tenant that the request is about; null when it has none there. */
  role: TenantRole | null;
}

export type AccessDecision = { action: 'allow'; reason: string } | { action: 'refuse'; cause: Cause };

/** Whether who asks may use a route. That a thing exists is not said here: what a tenant has not is unknown to it. */
export function decideAccess(need: Need, { operator, role }: Asking): AccessDecision {
  if (need === 'open' || need === 'signedIn') return { action: 'allow', reason: 'It needs no role.' };
  if (operator) return { action: 'allow', reason: 'The operator may do everything.' };
  if (need === 'operator')
    return refuse('This is for the operator of the installation.', 'Ask the operator.');
  if (role === null)
    return refuse('This needs a tenant.', 'Make one with `drayage tenant create`, or accept an invitation.');
  if (RANK[role] >= RANK[need]) return { action: 'allow', reason: `A ${role} may do what a ${need} may.` };
  return refuse(
    `The role ${role} does not do here: this needs the role ${need}.`,
    'Ask an owner of the tenant for that role.',
  );
}

function refuse(message: string, mend: string): AccessDecision {
  return { action: 'refuse', cause: { code: 'forbidden', message, mend } };
}

/** Who is left of a tenant's owners decides whether one may go or be made less. */
export function decideOwnerChange(
  owners: number,
  before: TenantRole,
  after: TenantRole | null,
): AccessDecision {
  if (before !== 'owner' || after === 'owner' || owners > 1)
    return { action: 'allow', reason: 'An owner is left.' };
  return {
    action: 'refuse',
    cause: {
      code: 'lastOwner',
      message: 'The tenant would be left without an owner.',
      mend: 'Make another member its owner first, or delete the tenant.',
    },
  };
}
