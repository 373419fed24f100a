import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { idSchema } from '../../core/ids.ts';
import type { PeerLeases } from './peerLeases.ts';

const ROUTE = /^\/v1\/computes\/([^/]+)\/promise$/;
const generationSchema = z.coerce.number().int().min(1);

/**
 * Serves POST /v1/computes/:id/promise?generation=G, by which the control plane is about to have a compute go on here. Resolves
 * to false when the request is another.
 */
export async function handlePromise(
  leases: Pick<PeerLeases, 'promise'>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  const url = new URL(req.url ?? '/', 'http://device');
  const id = idSchema('compute').safeParse(ROUTE.exec(url.pathname)?.[1]);
  const generation = generationSchema.safeParse(url.searchParams.get('generation'));
  if (!id.success || !generation.success || req.method !== 'POST') return false;
  const answer = await leases.promise(id.data, generation.data);
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  return true;
}
