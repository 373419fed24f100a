import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CheckpointPlace, type Keeping, sealedAs } from '../../core/checkpoint.ts';
import { PartMeter } from '../../core/partMeter.ts';
import { SealingStream } from '../../core/sealedStream.ts';
import type { SnapshotPart } from '../../core/snapshot.ts';
import type { Identity } from '../link/identity.ts';
import { answer, LinkClient } from '../link/linkClient.ts';
import { CHECKPOINT_PATH } from './checkpointServer.ts';

/** A checkpoint on its way to the device that keeps it. */
export interface Outgoing {
  /** Sends a part, sealed. Resolves when it is on disk there. @throws DrayageError */
  put(part: string, content: Readable): Promise<SnapshotPart>;
  /** All have been sent: it takes the place of the one before. @throws DrayageError */
  commit(parts: readonly SnapshotPart[]): Promise<void>;
  close(): void;
}

/** @throws DrayageError when the peer cannot be reached */
export async function openOutgoing(
  identity: Identity,
  { peer, key }: Keeping,
  place: CheckpointPlace,
): Promise<Outgoing> {
  const client = await LinkClient.connect(identity, peer);
  const path = `${CHECKPOINT_PATH}/${place.computeId}/${String(place.epoch)}/${String(place.number)}`;
  return {
    async put(part, content) {
      const meter = new PartMeter();
      const stream = client.open(`${path}/${part}`);
      const sealing = new SealingStream(Buffer.from(key, 'hex'), sealedAs(place, part));
      await Promise.all([pipeline(content, meter, sealing, stream), answer(stream, peer)]);
      return meter.part(part);
    },
    async commit(parts) {
      await client.call(path, { parts: parts.map(({ name }) => name) });
    },
    close: () => client.close(),
  };
}
