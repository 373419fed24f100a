import { z } from 'zod';
import { volumePathSchema } from '../volumeFiles.ts';
import { idOrNameSchema, pageQuerySchema, referenceSchema } from './common.ts';

/** Files that belong to a compute and move with it. */
export const volumeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    compute: referenceSchema,
    /** Where it is in the compute. */
    path: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Volume' });
export type VolumeView = z.infer<typeof volumeSchema>;

export const listVolumesQuerySchema = pageQuerySchema.extend({
  /** Only this one's. */
  compute: idOrNameSchema.optional(),
});

export const volumePathQuerySchema = z.object({ path: volumePathSchema.default('/') });
export const volumeContentQuerySchema = z.object({ path: volumePathSchema });
