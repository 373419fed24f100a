import { z } from 'zod';
import { quotaSchema } from '../quota.ts';
import { tenantNameSchema, tenantRoleSchema } from '../tenancy.ts';
import { emailSchema } from './auth.ts';

export const createTenantRequestSchema = z.object({ name: tenantNameSchema });

export const tenantSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    /** Of who asks; null for an operator that is no member. */
    role: tenantRoleSchema.nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Tenant' });
export type TenantView = z.infer<typeof tenantSchema>;

/** What a tenant may have at most (null: without end), and what it has. */
export const quotaViewSchema = z
  .object({
    quota: quotaSchema,
    used: z.object({
      computes: z.number().int(),
      memoryBytes: z.number(),
      cpus: z.number(),
      imageBytes: z.number(),
    }),
  })
  .meta({ id: 'Quota' });

/** What is not named stays as it is. */
export const changeQuotaRequestSchema = quotaSchema.partial();

export const memberSchema = z
  .object({
    account: z.object({ id: z.string(), email: z.string() }),
    role: tenantRoleSchema,
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Member' });
export type MemberView = z.infer<typeof memberSchema>;

export const changeMemberRequestSchema = z.object({ role: tenantRoleSchema });

export const inviteRequestSchema = z.object({
  email: emailSchema,
  role: tenantRoleSchema.default('member'),
  expiresInDays: z.number().int().min(1).max(90).default(7),
});

export const invitationSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    role: tenantRoleSchema,
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    acceptedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Invitation' });
export type InvitationView = z.infer<typeof invitationSchema>;

/** `secret` is shown this once. */
export const invitedSchema = invitationSchema.extend({ secret: z.string() });

export const acceptInvitationRequestSchema = z.object({ secret: z.string().min(1).max(200) });

export const auditEntrySchema = z
  .object({
    at: z.iso.datetime(),
    /** Null: nobody that is known. */
    account: z.object({ id: z.string(), email: z.string() }).nullable(),
    tenant: z.string().nullable(),
    action: z.string(),
    subject: z.string().nullable(),
    address: z.string(),
    status: z.number().int(),
    causes: z.array(z.string()),
  })
  .meta({ id: 'AuditEntry' });
export type AuditView = z.infer<typeof auditEntrySchema>;
