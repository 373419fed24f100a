import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { nameSchema } from '../compute.ts';
import { publishedPortsSchema } from '../publishedPorts.ts';
import { SnapshotState, snapshotNameSchema, snapshotNoteSchema } from '../snapshot.ts';
import { idOrNameSchema, pageQuerySchema, referenceSchema } from './common.ts';

export const createSnapshotSchema = z.strictObject({
  /** Without it the compute's name and the time. */
  name: snapshotNameSchema.optional(),
  note: snapshotNoteSchema.default(''),
  /** Ends what somebody runs inside the compute (exec), which a snapshot cannot hold. */
  endSessions: z.boolean().default(false),
});
export type CreateSnapshotRequest = z.output<typeof createSnapshotSchema>;

export const restoreSnapshotSchema = z.strictObject({
  /** Of the compute that is made. */
  name: nameSchema.refine((name) => !name.startsWith('cmp_'), 'must not look like an id'),
  /** Id or name; without it one is chosen of those that can take it. */
  device: idOrNameSchema.optional(),
  /** Ports of every device that lead to it; those of the compute that the snapshot is of stay that one's. */
  ports: publishedPortsSchema,
});
export type RestoreSnapshotRequest = z.output<typeof restoreSnapshotSchema>;

export const listSnapshotsQuerySchema = pageQuerySchema.extend({
  /** Id or name: only those of this compute, which may be deleted by now. */
  compute: idOrNameSchema.optional(),
});

export const importSnapshotQuerySchema = z.object({
  /** Without it the name that is in the archive. */
  name: snapshotNameSchema.optional(),
  /** Also an archive that another installation made; for the operator. */
  trust: z.stringbool().default(false),
});

/** Memory, files and description of a compute at one moment. */
export const snapshotSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    note: z.string(),
    /** Of which it was made; it may be deleted, or of another installation. */
    compute: referenceSchema,
    /** That it was made on; null of one that was imported. */
    device: referenceSchema.nullable(),
    image: z.object({ digest: z.string(), id: z.string().nullable(), name: z.string().nullable() }),
    state: z.enum(Object.values(SnapshotState) as [SnapshotState, ...SnapshotState[]]),
    /** One sentence: why it is in that state; may be empty. */
    reason: z.string(),
    causes: z.array(causeSchema),
    /** That count of the tenant's quota; while it is made, what it is expected to take. */
    bytes: z.number().int(),
    /** Of the compute's memory; null before it is ready. */
    memoryBytes: z.number().int().nullable(),
    /** How long the compute stood still for it, milliseconds; null before it is ready. */
    frozenMs: z.number().nullable(),
    /** The moment that it holds; null before it is ready. */
    takenAt: z.iso.datetime().nullable(),
    imported: z.boolean(),
    workflowId: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Snapshot' });
export type SnapshotView = z.infer<typeof snapshotSchema>;
