import { z } from 'zod';
import { accountRoleSchema, tenantNameSchema, tenantRoleSchema } from '../tenancy.ts';

/** Emails are the same whatever their case. */
export const emailSchema = z
  .email()
  .max(254)
  .transform((email) => email.toLowerCase());

/** As NIST SP 800-63B-4 has it, section 3.1.1.2: long enough, and nothing asked of its characters. */
const newPasswordSchema = z.string().min(12).max(1024);

export const signInRequestSchema = z.object({
  email: emailSchema,
  password: z.string().min(1).max(1024),
  /** `token` for programs: the secret is in the answer; `cookie` for browsers: it is in an HttpOnly cookie only. */
  session: z.enum(['cookie', 'token']).default('token'),
});

export const registerRequestSchema = z.object({
  email: emailSchema,
  password: newPasswordSchema,
  /** Name of the account's own tenant; without it one is made of the email. Not with an invitation. */
  tenant: tenantNameSchema.optional(),
  /** The secret of an invitation: the account joins that tenant, and gets none of its own. */
  invitation: z.string().min(1).max(200).optional(),
  session: z.enum(['cookie', 'token']).default('token'),
});
export type RegisterRequest = z.infer<typeof registerRequestSchema>;

export const meSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    role: accountRoleSchema,
    tenants: z.array(z.object({ id: z.string(), name: z.string(), role: tenantRoleSchema })),
    /** For an operator, where workflows are in Temporal's own UI: `/{workflowId}/{runId}` follows. Null when nobody has said. */
    temporalUi: z.string().nullable(),
  })
  .meta({ id: 'Account' });
export type Me = z.infer<typeof meSchema>;

export const signInResponseSchema = z.object({
  account: meSchema,
  expiresAt: z.iso.datetime(),
  /** Only with `session: token`; shown this once. */
  token: z.string().optional(),
});

export const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Token' });
export type TokenView = z.infer<typeof tokenSchema>;

export const createTokenRequestSchema = z.object({
  name: z.string().min(1).max(100),
  /** Without it the token does not end. */
  expiresInDays: z.number().int().min(1).max(3650).optional(),
});

/** `secret` is shown this once. */
export const createTokenResponseSchema = tokenSchema.extend({ secret: z.string() });
