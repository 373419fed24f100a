import { z } from 'zod';
import { runtimeSchema } from '../appManifest.ts';
import { idOrNameSchema } from './common.ts';

export const runtimeParamsSchema = z.object({ runtime: runtimeSchema });

export const setRuntimeRequestSchema = z.object({
  /** Id or name of an image that has the runtime's programs; applications are built on top of it. */
  image: idOrNameSchema,
});

/** What applications of a runtime are built on. Whose image it is is the operator's business. */
export const runtimeBaseSchema = z
  .object({
    runtime: runtimeSchema,
    digest: z.string(),
    architecture: z.string(),
    setAt: z.iso.datetime(),
  })
  .meta({ id: 'Runtime' });
export type RuntimeBaseView = z.infer<typeof runtimeBaseSchema>;
