import { listOf } from '../core/api/common.ts';
import { type Runtime, runtimeSchema } from '../core/appManifest.ts';
import { runtimeBaseSchema, type RuntimeBaseView } from '../core/api/runtimes.ts';
import type { ControlApi } from './controlApi.ts';
import { importImage } from './importImage.ts';
import { buildDebianImage } from './programs/buildDebianImage.ts';
import { RUNTIME_BASES } from './programs/runtimeBases.ts';
import type { Progress } from './progress.ts';
import type { Lab } from './state.ts';

/**
 * Gives the control plane of a lab what applications are built on. The images are made once and kept in the cache folder;
 * a base that is set already is left as it is. @throws DrayageError when an image cannot be made, or is refused
 */
export async function setBases(
  lab: Lab,
  api: ControlApi,
  progress: Progress,
  runtimes: readonly Runtime[] = runtimeSchema.options,
): Promise<RuntimeBaseView[]> {
  const list = async () => listOf(runtimeBaseSchema).parse(await api.request('GET', '/runtimes')).items;
  const set = (await list()).map(({ runtime }) => runtime);
  for (const runtime of runtimes.filter((one) => !set.includes(one))) {
    const { path } = await progress.step(`building the base of ${runtime}`, () =>
      buildDebianImage(RUNTIME_BASES[runtime]),
    );
    const image = await progress.step(`importing the base of ${runtime}`, () =>
      importImage(lab, api, { name: RUNTIME_BASES[runtime].name, path, command: [] }),
    );
    await api.request('PUT', `/runtimes/${runtime}`, { image: image.id });
  }
  return list();
}
