import { z } from 'zod';
import { nameSchema } from '../compute.ts';
import { referenceSchema } from './common.ts';

export const createGroupSchema = z.strictObject({
  name: nameSchema.refine((name) => !name.startsWith('grp_'), 'must not look like an id'),
});

/** Computes that are on one device and move as one. */
export const groupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    /** Null while it is empty. */
    device: referenceSchema.nullable(),
    /** Of its owner; 0 while it is empty. */
    epoch: z.number().int(),
    computes: z.array(referenceSchema),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Group' });
export type GroupView = z.infer<typeof groupSchema>;
