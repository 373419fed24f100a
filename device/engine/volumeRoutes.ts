import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { nameSchema } from '../../core/compute.ts';
import { DrayageError } from '../../core/cause.ts';
import { idSchema } from '../../core/ids.ts';
import { toCause } from '../../core/toCause.ts';
import { volumePathSchema } from '../../core/volumeFiles.ts';
import { listDirectory, readVolumeFile } from '../files/volumeFiles.ts';
import { sendProblem } from './linkRoutes.ts';
import type { Engine } from './types.ts';

const ROUTE = /^\/v1\/computes\/([^/]+)\/volumes\/([^/]+)\/(files|content)$/;

/**
 * Serves GET /v1/computes/:id/volumes/:name/files?path=P as a listing and .../content?path=P as a file's bytes. Resolves to
 * false when the request is none of these.
 */
export async function handleVolumes(
  engine: Pick<Engine, 'facts'>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  const url = new URL(req.url ?? '/', 'http://device');
  const [, computeId = '', volume = '', what = ''] = ROUTE.exec(url.pathname) ?? [];
  const known = idSchema('compute').safeParse(computeId).success && nameSchema.safeParse(volume).success;
  if (!known || req.method !== 'GET') return false;
  try {
    const path = volumePathSchema.safeParse(url.searchParams.get('path'));
    if (!path.success) throw badPath(path.error.issues[0]?.message ?? '');
    const root = await directoryOf(engine, computeId, volume);
    if (what === 'files') {
      const listing = await listDirectory(root, path.data);
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(listing));
    } else {
      const { bytes, content } = await readVolumeFile(root, path.data);
      res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
      await pipeline(content, res);
    }
  } catch (error) {
    // Once bytes were sent, only a broken connection can say that it is not all.
    if (res.headersSent) res.destroy();
    else sendProblem(res, error instanceof DrayageError ? 404 : 500, toCause(error));
  }
  return true;
}

async function directoryOf(
  engine: Pick<Engine, 'facts'>,
  computeId: string,
  volume: string,
): Promise<string> {
  const facts = await engine.facts(computeId);
  const found = facts?.volumes.find(({ name }) => name === volume);
  if (found) return found.directory;
  throw new DrayageError({
    code: 'noSuchFile',
    message: `The volume ${volume} is not on this device.`,
    mend: 'If the compute is being moved or made, try again when it runs.',
  });
}

function badPath(words: string): DrayageError {
  return new DrayageError({ code: 'invalid', message: `path: ${words}`, mend: 'Mend the path.' });
}
