import type { TenantRole } from '../../../core/tenancy.ts';

/** Roles in a tenant, the least first, and what each may do. */
export const ROLES: readonly { value: TenantRole; label: string; may: string }[] = [
  { value: 'viewer', label: 'Viewer', may: 'looks.' },
  { value: 'member', label: 'Member', may: 'also creates, moves and deletes.' },
  { value: 'owner', label: 'Owner', may: 'also says who belongs to the tenant.' },
];
