import { z } from 'zod';

export const signInRequestSchema = z.object({
  email: z.email().max(254),
  password: z.string().min(1).max(1024),
  /** `token` for programs: the secret is in the answer; `cookie` for browsers: it is in an HttpOnly cookie only. */
  session: z.enum(['cookie', 'token']).default('token'),
});

export const meSchema = z.object({ id: z.string(), email: z.string(), role: z.string() });

export const signInResponseSchema = z.object({
  account: meSchema,
  expiresAt: z.iso.datetime(),
  /** Only with `session: token`; shown this once. */
  token: z.string().optional(),
});

export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
  expiresAt: z.iso.datetime().nullable(),
});
export type TokenView = z.infer<typeof tokenSchema>;

export const createTokenRequestSchema = z.object({
  name: z.string().min(1).max(100),
  /** Without it the token does not end. */
  expiresInDays: z.number().int().min(1).max(3650).optional(),
});

/** `secret` is shown this once. */
export const createTokenResponseSchema = tokenSchema.extend({ secret: z.string() });
