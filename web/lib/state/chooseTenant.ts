import type { TenantRole } from '../../../core/tenancy.ts';

/** A tenant that may be switched to; `role` is null for an operator that is no member. */
export interface KnownTenant {
  id: string;
  name: string;
  role: TenantRole | null;
}

/** The tenant to begin with: the one that was chosen last, else the first one; null when there is none. */
export function chooseTenant(known: readonly KnownTenant[], last: string | null): KnownTenant | null {
  return known.find(({ id }) => id === last) ?? known[0] ?? null;
}

/** The tenants that may be switched to: those of the account first, then the others that an operator sees. */
export function knownTenants(own: readonly KnownTenant[], all: readonly KnownTenant[]): KnownTenant[] {
  const mine = new Set(own.map(({ id }) => id));
  return [...own, ...all.filter(({ id }) => !mine.has(id))];
}
