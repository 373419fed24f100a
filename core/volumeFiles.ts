import { z } from 'zod';

/** Longest path within a volume, characters. */
const PATH_MAX = 4096;
/** Longest listing of a directory, entries. */
export const LISTING_MAX = 1000;

/** A path within a volume, as a client gives it: `/` is the volume itself. */
export const volumePathSchema = z
  .string()
  .min(1)
  .max(PATH_MAX)
  .startsWith('/', 'must begin with /')
  .refine((path) => !path.includes('\0'), 'must have no NUL')
  .refine(
    (path) => !path.split('/').some((part) => part === '.' || part === '..'),
    'must have no . and .. in it',
  );

export const volumeEntrySchema = z
  .object({
    name: z.string(),
    kind: z.enum(['file', 'directory', 'link', 'other']),
    /** Of a file's content; 0 of all else. */
    bytes: z.number().int().nonnegative(),
    modifiedAt: z.iso.datetime(),
  })
  .meta({ id: 'VolumeEntry' });
export type VolumeEntry = z.infer<typeof volumeEntrySchema>;

/** What a directory of a volume holds, by name. */
export const volumeListingSchema = z
  .object({
    entries: z.array(volumeEntrySchema),
    /** There is more than is shown. */
    truncated: z.boolean(),
  })
  .meta({ id: 'VolumeListing' });
export type VolumeListing = z.infer<typeof volumeListingSchema>;
