import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { APP_LABEL, BUILD_LABEL } from '../../core/appDockerfile.ts';
import { DrayageError } from '../../core/cause.ts';
import { engineError, hasStatus } from './engineErrors.ts';

/** Builds applications' images with the container engine. */
export interface AppBuilder {
  /** The digest of what was built of an application before; null when there is none. */
  find(appId: string): Promise<string | null>;
  /**
   * Builds what a context with a Dockerfile says, without network, and resolves with the image's digest; `say` gets each
   * line of the engine's. @throws DrayageError buildFailed
   */
  build(appId: string, context: Readable, say: (line: string) => void): Promise<string>;
  /** Removes what was built of an application, whole or not, unless a container is made from it. */
  discard(appId: string): Promise<void>;
}

/** Of the engine's answer, line by line. */
interface BuildLine {
  stream?: string;
  error?: string;
}

export function createAppBuilder(dockerSocket: string): AppBuilder {
  const docker = new Docker({ socketPath: dockerSocket });
  const ask = async <T>(doing: string, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw error instanceof DrayageError ? error : engineError(error, doing);
    }
  };
  const labelled = (label: string, appId: string) =>
    ask('looking for what was built', () =>
      docker.listImages({ filters: JSON.stringify({ label: [`${label}=${appId}`] }) }),
    );
  const find = async (appId: string) => (await labelled(APP_LABEL, appId))[0]?.Id ?? null;
  return {
    find,
    async build(appId, context, say) {
      let broken: Error | null = null;
      const stop = new AbortController();
      // The engine would wait for the rest of a context that has broken off.
      context.once('error', (error: Error) => {
        broken = error;
        stop.abort();
      });
      try {
        // What the engine has is all that there is: nothing is pulled, and there is no network.
        const options = { networkmode: 'none', rm: true, forcerm: true, nocache: true };
        const said = await docker.buildImage(context, { ...options, abortSignal: stop.signal });
        for await (const line of createInterface({ input: Readable.from(said) })) tell(line, say);
      } catch (error) {
        throw broken ?? (error instanceof DrayageError ? error : engineError(error, 'building an image'));
      } finally {
        context.destroy();
      }
      const built = await find(appId);
      if (built !== null) return built;
      throw buildFailed('the engine has no image of it');
    },
    async discard(appId) {
      for (const { Id } of await labelled(BUILD_LABEL, appId))
        await ask('removing an image', () => docker.getImage(Id).remove().catch(unlessInUse));
    },
  };
}

/** Passes on what the engine says. @throws DrayageError buildFailed: errors come in the body, after a status of 200 */
function tell(line: string, say: (line: string) => void): void {
  if (line.trim() === '') return;
  const { stream, error } = JSON.parse(line) as BuildLine;
  if (error !== undefined) throw buildFailed(error);
  for (const part of (stream ?? '').split('\n')) if (part.trim() !== '') say(part);
}

function buildFailed(said: string): DrayageError {
  return new DrayageError({
    code: 'buildFailed',
    message: `The container engine could not build the image: ${said.trim()}.`,
    mend: 'See the log with `drayage app show`, and whether the base image has what the runtime needs.',
  });
}

function unlessInUse(error: unknown): void {
  if (!hasStatus(error, 404, 409)) throw error;
}
