import type { AppManifest, Runtime } from './appManifest.ts';

/** In the build's context; the Dockerfile stands beside it, out of reach of the archive's own files. */
export const APP_FOLDER = 'app';
/** By which a device finds the image that it has built for an application: its last step, so that no half image has it. */
export const APP_LABEL = 'drayage.app';
/** By which it finds all that a build has left: its first step. */
export const BUILD_LABEL = 'drayage.build';

/** Nobody's, on every Linux: an application needs no root. */
const USER = '65534:65534';

/** Without them a log comes late, or development's code runs. */
const ENVIRONMENT: Record<Runtime, string> = { node: 'NODE_ENV=production', python: 'PYTHONUNBUFFERED=1' };

/**
 * How an application's image is built: its files on top of the base, and nothing of the tenant's is run. `base` is the base
 * image's digest.
 */
export function appDockerfile(
  app: { id: string; base: string; runtime: Runtime },
  { start, ports }: Pick<AppManifest, 'start' | 'ports'>,
): string {
  return [
    `FROM ${app.base}`,
    `LABEL ${BUILD_LABEL}=${app.id}`,
    `ENV ${ENVIRONMENT[app.runtime]}`,
    `COPY --chown=${USER} ${APP_FOLDER}/ /${APP_FOLDER}/`,
    `WORKDIR /${APP_FOLDER}`,
    ...ports.map(({ compute, protocol }) => `EXPOSE ${String(compute)}/${protocol}`),
    `USER ${USER}`,
    'ENTRYPOINT []',
    `CMD ${JSON.stringify(start)}`,
    `LABEL ${APP_LABEL}=${app.id}`,
    '',
  ].join('\n');
}
