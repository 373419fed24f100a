import { z } from 'zod';
import { MAX_EPOCH } from './decideEpoch.ts';
import { idSchema } from './ids.ts';
import { partNameSchema, snapshotContentSchema } from './snapshot.ts';

/** A key of 256 bits, hex. */
const keySchema = z.string().regex(/^[0-9a-f]{64}$/);

const placeShape = {
  computeId: idSchema('compute'),
  epoch: z.coerce.number().int().min(1).max(MAX_EPOCH),
  /** One more for each of a compute's under one epoch. */
  number: z.coerce.number().int().min(1),
};
/** Which checkpoint. */
export const checkpointPlaceSchema = z.object(placeShape);
export type CheckpointPlace = z.infer<typeof checkpointPlaceSchema>;

/** A part of one. */
export const checkpointPartSchema = z.object({ ...placeShape, part: partNameSchema });

/** Where a device keeps the checkpoints of a compute of its own, and under which key. */
export const keepingSchema = z.object({
  peer: z.object({ id: idSchema('device'), linkAddress: z.string() }),
  key: keySchema,
  /** Number of the last one that is known under the compute's epoch; 0: none. */
  last: z.number().int().nonnegative(),
});
export type Keeping = z.infer<typeof keepingSchema>;

/** What a device says of a checkpoint that its peer has kept. */
export const checkpointReportSchema = z.object({
  ...placeShape,
  /** Id of the device that has it. */
  peer: idSchema('device'),
  content: snapshotContentSchema,
  /** How long ago the compute stood still for it, milliseconds. */
  agoMs: z.number().nonnegative(),
});
export type CheckpointReport = z.infer<typeof checkpointReportSchema>;

/** What the device that keeps a compute's checkpoints is told: of which device they come. */
export const keeperSchema = z.object({ from: idSchema('device') });

/** What the device is told that goes on with a compute. */
export const checkpointToRestoreSchema = z.object({
  ...placeShape,
  content: snapshotContentSchema,
  key: keySchema,
});
export type CheckpointToRestore = z.infer<typeof checkpointToRestoreSchema>;

/** What the working files of a checkpoint are called on a device, where those of a snapshot bear its id. */
export function checkpointWork(computeId: string): string {
  return `chk-${computeId}`;
}

/** What the seal of a part is tied to: nothing else can be put in its place. */
export function sealedAs({ computeId, epoch, number }: CheckpointPlace, part: string): string {
  return `checkpoint ${computeId} ${String(epoch)} ${String(number)} ${part}`;
}

/** Whether a checkpoint is to be taken now. `sinceMs`: since the last one was begun; null: never. */
export function decideCheckpoint(state: {
  everySeconds: number;
  sinceMs: number | null;
  running: boolean;
  /** A move or a snapshot has it, or somebody runs something inside. */
  held: boolean;
}): { action: 'take' | 'wait'; reason: string } {
  const { everySeconds, sinceMs, running, held } = state;
  if (!running) return { action: 'wait', reason: 'it does not run' };
  if (held) return { action: 'wait', reason: 'something else is done to it' };
  if (sinceMs !== null && sinceMs < everySeconds * 1000)
    return { action: 'wait', reason: 'the last one is young enough' };
  return { action: 'take', reason: sinceMs === null ? 'there is none' : 'the last one is old' };
}
