import { z } from 'zod';
import { imageInfoSchema } from '../imageArchive.ts';
import { IMAGE_NAME, IMAGE_NAME_MAX } from '../imageName.ts';
import { referenceSchema } from './common.ts';

export const imageNameSchema = z
  .string()
  .min(1)
  .max(IMAGE_NAME_MAX)
  .regex(IMAGE_NAME, 'must be like sample or shop/web:1.2')
  .refine((name) => !name.startsWith('img_'), 'must not look like an id');

const words = z.union([z.string(), z.array(z.string())]).optional();

/** A parameter that is given several times becomes a list; `cmd=a&cmd=b` is the command `a b`. */
export const importImageQuerySchema = z.object({
  name: imageNameSchema,
  /** The four below only for a tar of a root file system, which does not know them. */
  cmd: words,
  entrypoint: words,
  env: words,
  workdir: z.string().startsWith('/').optional(),
});

export const imageSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    digest: z.string(),
    bytes: z.number().int(),
    info: imageInfoSchema,
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Image' });
export type ImageView = z.infer<typeof imageSchema>;

/** An image with where it is and what is made from it. */
export const imageDetailSchema = imageSchema
  .extend({
    /** Devices that have said that they have it. */
    devices: z.array(referenceSchema),
    /** Computes that are made from it. */
    computes: z.array(referenceSchema),
  })
  .meta({ id: 'ImageDetail' });

const sha256Schema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits');
const wordsSchema = z.array(z.string().max(4096)).max(1000);

/** The first word on an archive that is sent in parts. */
export const createUploadSchema = z.object({
  name: imageNameSchema,
  /** Of the whole file as it is sent. */
  bytes: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  /** SHA-256 of the whole file as it is sent. */
  digest: sha256Schema,
  /** The four below only for a tar of a root file system, which does not know them. */
  command: wordsSchema.default([]),
  entrypoint: wordsSchema.default([]),
  env: wordsSchema.default([]),
  workingDir: z.union([z.literal(''), z.string().startsWith('/').max(4096)]).default(''),
});
export type CreateUploadRequest = z.infer<typeof createUploadSchema>;

/** Header of a part: the place of its first byte in the file. In answers: how many bytes are there. */
export const UPLOAD_OFFSET = 'upload-offset';

/** The others are left as they are. */
export const uploadHeadersSchema = z.looseObject({
  [UPLOAD_OFFSET]: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});

export const uploadSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    digest: z.string(),
    bytes: z.number().int(),
    /** So many bytes are there; the next part begins here. */
    offset: z.number().int(),
    /** When it is forgotten, unless a part comes before. */
    expiresAt: z.iso.datetime(),
    /** What it has become. */
    image: referenceSchema.nullable(),
  })
  .meta({ id: 'ImageUpload' });
export type UploadView = z.infer<typeof uploadSchema>;
