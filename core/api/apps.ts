import { z } from 'zod';
import { appManifestSchema, appPortSchema, runtimeSchema } from '../appManifest.ts';
import { AppState } from '../application.ts';
import { causeSchema } from '../cause.ts';
import { idOrNameSchema, referenceSchema } from './common.ts';

export const uploadAppQuerySchema = z.object({
  /** What its compute is called; without it the manifest's name. */
  name: appManifestSchema.shape.name,
  /** Without it the manifest's runtime. */
  runtime: runtimeSchema.optional(),
  /** Id or name of the device that builds and runs it; without it the ready one with the most memory is chosen. */
  device: idOrNameSchema.optional(),
});

export const appSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    runtime: runtimeSchema,
    state: z.enum(Object.values(AppState) as [AppState, ...AppState[]]),
    /** One sentence: why it is in that state; may be empty. */
    reason: z.string(),
    causes: z.array(causeSchema),
    start: z.array(z.string()),
    ports: z.array(appPortSchema),
    /** That builds it. */
    device: referenceSchema,
    /** Once it was stored. */
    image: referenceSchema.nullable(),
    /** Once it is made. */
    compute: referenceSchema.nullable(),
    /** Of its files. */
    bytes: z.number().int(),
    workflowId: z.string(),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Application' });
export type AppView = z.infer<typeof appSchema>;

/** With what the device said while it built it, line by line. */
export const appWithLogSchema = appSchema
  .extend({ log: z.array(z.string()) })
  .meta({ id: 'ApplicationWithLog' });
export type AppWithLogView = z.infer<typeof appWithLogSchema>;
