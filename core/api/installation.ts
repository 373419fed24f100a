import { z } from 'zod';

export const installationSchema = z
  .object({
    version: z.string(),
    /** Who may make an account: everybody, who was invited to a tenant, or nobody. */
    registration: z.enum(['open', 'invitation', 'closed']),
  })
  .meta({ id: 'Installation' });
