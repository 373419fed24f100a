import { z } from 'zod';
import { imageInfoSchema } from '../imageArchive.ts';

/** As in `registry/path:tag`, without a digest. */
export const imageNameSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(
    /^[a-z0-9]+(?:[._/-][a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,63})?$/,
    'must be like sample or shop/web:1.2',
  )
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
