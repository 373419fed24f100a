import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { registryHostSchema, registryReferenceSchema } from '../registryReference.ts';
import { referenceSchema } from './common.ts';
import { imageNameSchema } from './images.ts';

// What an HTTP header takes.
const printable = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}]*$/u, 'must be without control characters');

export const addRegistrySchema = z.object({
  host: registryHostSchema,
  username: printable(256).refine((name) => !name.includes(':'), 'must be without a colon'),
  password: printable(4096),
});

/** The password is told to nobody. */
export const registrySchema = z
  .object({ id: z.string(), host: z.string(), username: z.string(), createdAt: z.iso.datetime() })
  .meta({ id: 'Registry' });
export type RegistryView = z.infer<typeof registrySchema>;

export const pullImageSchema = z.object({
  reference: registryReferenceSchema,
  /** What the image is called here; without it what it is called there. */
  name: imageNameSchema.optional(),
  /** Which of an image for several architectures, as Docker names them; without it that of the devices. */
  architecture: z
    .string()
    .regex(/^[a-z0-9]{1,32}$/)
    .optional(),
});

export const imagePullSchema = z
  .object({
    id: z.string(),
    reference: z.string(),
    name: z.string(),
    state: z.enum(['running', 'succeeded', 'failed']),
    causes: z.array(causeSchema),
    image: referenceSchema.nullable(),
    /** Of the manifest that the reference stood for. */
    manifestDigest: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'ImagePull' });
export type ImagePullView = z.infer<typeof imagePullSchema>;
