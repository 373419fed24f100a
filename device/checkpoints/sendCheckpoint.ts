import { createHash } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CheckpointPlace, type Keeping, sealedAs } from '../../core/checkpoint.ts';
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
      const hash = createHash('sha256');
      let bytes = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          hash.update(chunk);
          done(null, chunk);
        },
      });
      const stream = client.open(`${path}/${part}`);
      const sealing = new SealingStream(Buffer.from(key, 'hex'), sealedAs(place, part));
      await Promise.all([pipeline(content, measure, sealing, stream), answer(stream, peer)]);
      return { name: part, bytes, digest: `sha256:${hash.digest('hex')}` };
    },
    async commit(parts) {
      await client.call(path, { parts: parts.map(({ name }) => name) });
    },
    close: () => client.close(),
  };
}
