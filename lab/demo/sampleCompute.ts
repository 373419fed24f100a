import { setTimeout as pause } from 'node:timers/promises';
import { acceptedSchema } from '../../core/api/common.ts';
import { computeSchema, type ComputeView } from '../../core/api/computes.ts';
import type { ImageView } from '../../core/api/images.ts';
import { migrationAcceptedSchema } from '../../core/api/migrations.ts';
import { DrayageError } from '../../core/cause.ts';
import { FINAL_MIGRATION_STATES, migrationSchema, type Migration } from '../../core/migration.ts';
import { until } from '../../core/until.ts';
import type { ControlApi } from '../controlApi.ts';
import { foreignTarget } from '../guest/foreignTarget.ts';
import { importImage } from '../importImage.ts';
import { buildSampleImage } from '../sample/buildSampleImage.ts';
import { SAMPLE_COMMAND } from '../sample/sampleProtocol.ts';
import type { Lab } from '../state.ts';

/** Between two looks at a compute, milliseconds. */
const LOOK_MS = 200;
/** And at a move whose events are not heard: a look takes processor time from the move itself. */
const DEAF_LOOK_MS = 5_000;
const START_TIMEOUT_MS = 120_000;
const MOVE_TIMEOUT_MS = 300_000;
const REMOVAL_TIMEOUT_MS = 120_000;

/** Builds the sample's image and gives it to the control plane. */
export async function importSampleImage(lab: Lab, api: ControlApi, name: string): Promise<ImageView> {
  return importImage(lab, api, {
    name,
    command: SAMPLE_COMMAND,
    path: await buildSampleImage(foreignTarget(lab)),
  });
}

/** Resolves once the compute runs. @throws DrayageError when it does not come to run */
export async function createSampleCompute(
  api: ControlApi,
  request: { name: string; image: string; device: string; command?: string[] },
): Promise<ComputeView> {
  const { id } = acceptedSchema.parse(await api.request('POST', '/computes', request));
  return until(
    `compute ${request.name} to run`,
    START_TIMEOUT_MS,
    async () => {
      const compute = computeSchema.parse(await api.request('GET', `/computes/${id}`));
      if (compute.state === 'running') return compute;
      if (compute.state !== 'failed' && compute.state !== 'lost') return false;
      const [cause] = compute.causes;
      throw new DrayageError(cause ?? { code: 'computeFailed', message: compute.reason, mend: '' });
    },
    LOOK_MS,
  );
}

/** Deletes a compute and resolves once it is gone. @throws DrayageError when that is refused */
export async function removeCompute(api: ControlApi, compute: string): Promise<void> {
  await api.request('DELETE', `/computes/${compute}`);
  const gone = () =>
    api.request('GET', `/computes/${compute}`).then(
      () => false,
      () => true,
    );
  await until(`compute ${compute} to be gone`, REMOVAL_TIMEOUT_MS, gone, LOOK_MS);
}

/**
 * Moves a compute and resolves with the record of the move, however it ended. `look` gets the record whenever there is
 * something new in it; without it, nothing is asked for until the end. @throws DrayageError when it is refused
 */
export async function moveCompute(
  api: ControlApi,
  compute: string,
  target: string,
  { look }: { look?: (migration: Migration) => void } = {},
): Promise<Migration> {
  const { id } = migrationAcceptedSchema.parse(
    await api.request('POST', `/computes/${compute}/migrations`, { target }),
  );
  const listening = new AbortController();
  let news = Promise.withResolvers<void>();
  const types = look ? 'migration.*' : FINAL_MIGRATION_STATES.map((state) => `migration.${state}`).join();
  try {
    await api.listen({ types, subject: id }, () => news.resolve(), listening.signal).catch(() => undefined);
    return await until(
      'the move to end',
      MOVE_TIMEOUT_MS,
      async () => {
        news = Promise.withResolvers();
        const migration = migrationSchema.parse(await api.request('GET', `/migrations/${id}`));
        look?.(migration);
        if (FINAL_MIGRATION_STATES.includes(migration.state)) return migration;
        const deaf = pause(DEAF_LOOK_MS, undefined, { signal: listening.signal }).catch(() => undefined);
        await Promise.race([news.promise, deaf]);
        return false;
      },
      0,
    );
  } finally {
    listening.abort();
  }
}
