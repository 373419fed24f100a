import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';

const amount = (least: number, most: number) => z.coerce.number().min(least).max(most);

/** What a compute's environment tells a fake device to do with it. */
const toldSchema = z.object({
  /** How its moves end. `targetDies`: the target loses its power while it restores. */
  FAKE_MOVE: z.enum(['succeed', 'refuse', 'abort', 'rollBack', 'targetDies', 'fillFails']).default('succeed'),
  FAKE_MEMORY_MB: amount(1, 65_536).optional(),
  FAKE_DIRTY_MB_PER_S: amount(0, 10_000).optional(),
  /** Dump and restore together. */
  FAKE_FREEZE_MS: amount(10, 60_000).optional(),
  /** Between two lines of its log. */
  FAKE_LOG_MS: amount(10, 3_600_000).default(1000),
});
export type Told = z.infer<typeof toldSchema>;

/** @throws DrayageError badFake when the environment tells what no fake device can do */
export function toldBy({ name, env }: Pick<ComputeSpec, 'name' | 'env'>): Told {
  const parsed = toldSchema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new DrayageError({
    code: 'badFake',
    message: `The environment of compute ${name} tells a fake device what it cannot do: ${z.prettifyError(parsed.error)}.`,
    mend: 'See docs/architecture.md, "Fake devices", for what may be told.',
  });
}
