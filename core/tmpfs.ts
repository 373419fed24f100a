import { z } from 'zod';

/** Docker's own size of /dev/shm. */
const SHM_BYTES = 64 * 1024 * 1024;
const SHM_PATH = '/dev/shm';

/** Where a tmpfs may be: a plain absolute path, for CRIU and Docker give `:`, `,` and brackets a meaning of their own. */
const tmpfsPathSchema = z
  .string()
  .max(1024)
  .regex(
    /^(\/(?!\.\.?(\/|$))[A-Za-z0-9._-]+)+$/,
    'must be an absolute path of letters, digits, dots, hyphens and underscores, without . and ..',
  )
  .refine(
    (path) => path === SHM_PATH || !/^\/(proc|sys|dev)(\/|$)/.test(path),
    'must not lie in /proc, /sys or /dev; only /dev/shm may be given a size',
  );

/** Files in memory: emptied when the compute stops, kept when it moves. */
export const tmpfsListSchema = z
  .array(z.object({ path: tmpfsPathSchema, sizeBytes: z.number().int().min(4096) }))
  .max(16)
  .refine((list) => new Set(list.map(({ path }) => path)).size === list.length, 'must not name a path twice');
export type TmpfsList = z.infer<typeof tmpfsListSchema>;

/** A tmpfs of a compute; `name` tells it apart on both devices of a move. */
export interface Tmpfs {
  name: string;
  path: string;
  sizeBytes: number;
}

/** Every tmpfs of a compute that can hold files of its own: those it asked for, and /dev/shm. */
export function tmpfsOf({ tmpfs }: { tmpfs: TmpfsList }): Tmpfs[] {
  const shm = tmpfs.find(({ path }) => path === SHM_PATH) ?? { path: SHM_PATH, sizeBytes: SHM_BYTES };
  const others = tmpfs.filter(({ path }) => path !== SHM_PATH);
  return [shm, ...others].map((one, index) => ({ name: `tmpfs-${index}`, ...one }));
}

/** Whether Docker makes it by itself. */
export function isShm({ path }: { path: string }): boolean {
  return path === SHM_PATH;
}
