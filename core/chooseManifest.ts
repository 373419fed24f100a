import { z } from 'zod';
import { type Cause } from './cause.ts';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const descriptor = z.object({
  mediaType: z.string().default(''),
  digest,
  size: z.number().int().nonnegative(),
});

/** An image's manifest (OCI image specification, manifest.md; Docker's schema 2 has the same). */
export const registryManifestSchema = z.object({
  config: descriptor,
  layers: z.array(descriptor).min(1).max(1000),
});
export type RegistryManifest = z.infer<typeof registryManifestSchema>;

/** Manifests for several architectures (OCI image-index.md; Docker's manifest list). */
const indexSchema = z.object({
  manifests: z
    .array(
      z.object({
        digest,
        platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
      }),
    )
    .max(1000),
});

export type ManifestDecision =
  | { action: 'take'; manifest: RegistryManifest }
  | { action: 'ask'; digest: string }
  | { action: 'refuse'; cause: Cause };

/** What a document under an image's name is: the manifest itself, or where the one for an architecture is. */
export function chooseManifest(document: unknown, architecture: string): ManifestDecision {
  const manifest = registryManifestSchema.safeParse(document);
  if (manifest.success) return { action: 'take', manifest: manifest.data };
  const index = indexSchema.safeParse(document);
  if (!index.success)
    return {
      action: 'refuse',
      cause: {
        code: 'registryAnswer',
        message: 'What the registry has under this name is no image that Docker could run.',
        mend: 'Check the name; images in the format of before 2017 have to be pushed anew.',
      },
    };
  const linux = index.data.manifests.filter(({ platform }) => platform?.os === 'linux');
  const found = linux.find(({ platform }) => platform?.architecture === architecture);
  if (found) return { action: 'ask', digest: found.digest };
  return {
    action: 'refuse',
    cause: wrongArchitecture(
      linux.map(({ platform }) => platform?.architecture ?? ''),
      architecture,
    ),
  };
}

/** The cause when an image is not there for the architecture that is wanted. */
export function wrongArchitecture(there: readonly string[], wanted: string): Cause {
  const words = [...new Set(there)].join(', ');
  return {
    code: 'wrongArchitecture',
    message: `The image is there for ${words === '' ? 'no architecture of Linux' : words}, not for ${wanted}.`,
    mend: 'Choose another image, or one of these with `--architecture` if there are devices for it.',
  };
}
