import { z } from 'zod';

/**
 * What becomes of a compute whose device is lost. `restart`: it is started afresh on another device; its memory, files and
 * connections are gone. `checkpoint`: its memory and files are kept on another device every so often, and it goes on there
 * from the last time; its connections are gone.
 */
export const protectionSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('restart') }),
  z.object({
    kind: z.literal('checkpoint'),
    /** Between two checkpoints; so much of its work is lost at most, and what taking and sending one takes. */
    everySeconds: z.number().int().min(5).max(3600),
  }),
]);
export type Protection = z.infer<typeof protectionSchema>;
