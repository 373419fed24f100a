import { z } from 'zod';

/** What an image's archive was, and what its configuration says. */
export const imageInfoSchema = z.object({
  /** The form in which it was uploaded. */
  source: z.enum(['dockerSave', 'rootFileSystem']),
  architecture: z.string(),
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  env: z.array(z.string()),
  workingDir: z.string(),
  layers: z.number().int(),
});
export type ImageInfo = z.infer<typeof imageInfoSchema>;
