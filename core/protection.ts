import { z } from 'zod';

/**
 * What becomes of a compute whose device is lost. `restart`: it is started afresh on another device; its memory, files and
 * connections are gone.
 */
export const protectionSchema = z.object({ kind: z.literal('restart') });
export type Protection = z.infer<typeof protectionSchema>;
