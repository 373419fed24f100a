import type { Logger } from 'pino';
import type { DevicePlacement } from '../../core/deviceApi.ts';
import {
  LEASE_PATH,
  leaseAnswerSchema,
  type leaseAskSchema,
} from '../../device/checkpoints/checkpointServer.ts';
import type { Identity } from '../../device/link/identity.ts';
import { LinkClient } from '../../device/link/linkClient.ts';
import type { z } from 'zod';
import type { Placements } from './placements.ts';

interface Deps {
  placements: Pick<Placements, 'current'>;
  identity: () => Identity;
  log: Logger;
}

/**
 * The control plane is away: asks the peers that keep the checkpoints of these computes for their leases. Resolves with those
 * that were granted; a peer that does not answer grants nothing.
 */
export async function askPeers(
  { placements, identity, log }: Deps,
  computeIds: readonly string[],
  generation: number,
): Promise<string[]> {
  const kept = computeIds.flatMap((id) => placements.current(id) ?? []).filter(({ keeping }) => keeping);
  const peers = Map.groupBy(kept, ({ keeping }) => keeping?.peer.id);
  const granted = await Promise.all(
    [...peers.values()].map((group) =>
      askPeer(identity(), group, generation).catch((error: unknown) => {
        log.warn({ error: String(error) }, 'a peer was asked for leases and did not answer');
        return [];
      }),
    ),
  );
  return granted.flat();
}

async function askPeer(
  identity: Identity,
  placements: DevicePlacement[],
  generation: number,
): Promise<string[]> {
  const [first] = placements;
  if (!first?.keeping) return [];
  const client = await LinkClient.connect(identity, first.keeping.peer);
  try {
    const granted: string[] = [];
    for (const { spec, epoch } of placements) {
      const ask: z.infer<typeof leaseAskSchema> = { computeId: spec.id, epoch, generation };
      if (leaseAnswerSchema.parse(await client.call(LEASE_PATH, ask)).granted) granted.push(spec.id);
    }
    return granted;
  } finally {
    client.close();
  }
}
