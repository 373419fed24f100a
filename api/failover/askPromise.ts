import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { DeviceRow } from '../../db/devices.ts';
import type { ApiContext } from '../context.ts';
import { tellLink } from '../link.ts';

const answerSchema = z.object({ lives: z.boolean() });

/**
 * Has the device that keeps a compute's checkpoints promise that it grants no lease for it any more, under this generation of
 * its own device's. `lives`: it has granted one that may still be valid, and promises nothing; null: it does not answer.
 */
export async function askPromise(
  context: ApiContext,
  keeper: DeviceRow,
  { computeId, generation }: { computeId: string; generation: number },
): Promise<{ lives: boolean } | null> {
  try {
    const path = `/v1/computes/${computeId}/promise?generation=${String(generation)}`;
    return answerSchema.parse(await tellLink(context, keeper, path));
  } catch (error) {
    if (error instanceof DrayageError) return null;
    throw error;
  }
}
