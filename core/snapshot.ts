import { z } from 'zod';
import { type Cause, DrayageError } from './cause.ts';
import { computeSpecSchema, nameSchema } from './compute.ts';
import { classFactsSchema } from './deviceClass.ts';
import { idSchema } from './ids.ts';
import { tmpfsOf } from './tmpfs.ts';

export const SnapshotState = { creating: 'creating', ready: 'ready', failed: 'failed' } as const;
export type SnapshotState = (typeof SnapshotState)[keyof typeof SnapshotState];

/** What a snapshot is called. */
export const snapshotNameSchema = nameSchema.refine(
  (name) => !name.startsWith('snp_'),
  'must not look like an id',
);
export const snapshotNoteSchema = z.string().max(1000);

/** The part that holds CRIU's images. */
export const IMAGES_PART = 'images';
/** Of a tree of files: `0` is all of it, each later number what changed since. */
export const partNameSchema = z.string().regex(/^(images|[a-z0-9][a-z0-9-]{0,79}\.(0|[1-9]\d?))$/);

/** One file of a snapshot. */
export const snapshotPartSchema = z.strictObject({
  name: partNameSchema,
  bytes: z.number().int().nonnegative(),
  /** SHA-256 of its content, `sha256:` and 64 hex digits. */
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});
export type SnapshotPart = z.infer<typeof snapshotPartSchema>;

/** What a device has found and kept of a compute. */
export const snapshotContentSchema = z.strictObject({
  /** How long the compute stood still, milliseconds. */
  frozenMs: z.number().nonnegative(),
  /** Resident memory of its processes and what lay in its file systems in memory, bytes. */
  memoryBytes: z.number().int().nonnegative(),
  /** CRIU's external descriptors, which runc asks for before it restores. */
  descriptors: z.array(z.string().max(4096)).max(256),
  /** Sockets that are bound to the compute's own address, such as `tcp 10.77.1.2:80`: elsewhere they cannot be bound. */
  bound: z.array(z.string().max(100)).max(10_000),
  parts: z.array(snapshotPartSchema).min(2).max(5000),
});
export type SnapshotContent = z.infer<typeof snapshotContentSchema>;

/** First member of a snapshot's archive. */
export const snapshotManifestSchema = z.strictObject({
  format: z.literal('drayage-snapshot'),
  version: z.literal(1),
  name: snapshotNameSchema,
  note: snapshotNoteSchema,
  takenAt: z.iso.datetime(),
  compute: z.strictObject({ id: idSchema('compute'), name: nameSchema }),
  /** As the compute was made; another one is made of it with a name and an address of its own. */
  spec: computeSpecSchema,
  /** All that decides where it can be restored. */
  class: classFactsSchema.strict(),
  content: snapshotContentSchema,
});
export type SnapshotManifest = z.infer<typeof snapshotManifestSchema>;

/** What a device is told of a snapshot that it restores. */
export const snapshotForDeviceSchema = z.object({
  id: idSchema('snapshot'),
  content: snapshotContentSchema,
});
export type SnapshotForDevice = z.infer<typeof snapshotForDeviceSchema>;

/** Bytes of all parts. */
export function bytesOfParts(parts: readonly SnapshotPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The name of a part of a tree of files. */
export function partName(root: string, sequence: number): string {
  return `${root}.${String(sequence)}`;
}

/**
 * The parts of each tree of files, in the order in which they have to be applied.
 * @throws DrayageError badSnapshot when one is missing, or there is one that the compute has no place for
 */
export function planRestore(
  spec: Parameters<typeof tmpfsOf>[0] & { volumes: { name: string }[] },
  parts: readonly Pick<SnapshotPart, 'name'>[],
): Map<string, string[]> {
  const names = new Set(parts.map(({ name }) => name));
  if (names.size < parts.length) throw badSnapshot('It has a part twice.');
  if (!names.delete(IMAGES_PART)) throw badSnapshot('It has no memory in it.');
  const needed = ['layer', ...spec.volumes.map(({ name }) => `volume-${name}`)];
  // A tmpfs that is not among the parts is in CRIU's images.
  const known = [...needed, ...tmpfsOf(spec).map(({ name }) => name)];
  const plan = new Map<string, string[]>();
  for (const root of known) {
    const list: string[] = [];
    while (names.delete(partName(root, list.length))) list.push(partName(root, list.length));
    if (list.length > 0) plan.set(root, list);
    else if (needed.includes(root)) throw badSnapshot(`Its ${root} is missing.`);
  }
  const [left] = names;
  if (left !== undefined) throw badSnapshot(`Its part ${left} belongs to nothing of the compute.`);
  return plan;
}

/** Why a compute cannot be restored under this address; empty when it can. */
export function addressCauses(
  { bound }: Pick<SnapshotContent, 'bound'>,
  before: string,
  given: string,
): Cause[] {
  if (bound.length === 0 || before === given) return [];
  return [
    {
      code: 'boundToAddress',
      message: `The compute has sockets on its own address (${bound.slice(0, 3).join(', ')}), and another compute has that address now.`,
      mend: `Delete the compute with ${before} first, or have the program listen on 0.0.0.0 and make a new snapshot.`,
    },
  ];
}

/** What is wrong with a snapshot's archive, or with what is kept of it. */
export function badSnapshot(message: string): DrayageError {
  return new DrayageError({
    code: 'badSnapshot',
    message: `This is no snapshot that can be used. ${message}`,
    mend: 'Take the file that `drayage compute snapshot export` wrote, unchanged.',
  });
}
