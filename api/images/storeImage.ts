import type { Readable } from 'node:stream';
import type { RootFileSystemOptions } from '../../core/imageArchive.ts';
import { createImage, type ImageWithBlob } from '../../db/images.ts';
import type { Database } from '../../db/database.ts';
import type { ApiConfig } from '../config.ts';
import { freshId } from '../context.ts';
import { receiveImage } from './receive.ts';

/** What storing works with, in the API and in the control worker. */
export interface StoreContext {
  config: Pick<ApiConfig, 'dataDir' | 'imageMaxBytes'>;
  db: Database;
}

/** Whose an image becomes, and what it is called there. */
export interface ImageOwner {
  tenantId: string;
  name: string;
  /** Account or device that brings it. */
  actor: string;
  /** The upload in parts that it comes from. */
  uploadId?: string;
}

/** Of an archive that says itself what it runs. */
export const NO_OPTIONS: RootFileSystemOptions = { command: [], entrypoint: [], env: [], workingDir: '' };

/**
 * Receives an archive (`docker save`, or a root file system's tar; gzipped or not), checks it as it streams by, and makes it
 * an image of the tenant. Memory does not grow with it; nothing is left behind when it is refused. The same content under
 * the same name is no error.
 * @throws DrayageError nameTaken, quotaExceeded and what `receiveImage` throws
 */
export async function storeImage(
  { config, db }: StoreContext,
  { tenantId, name, actor, uploadId }: ImageOwner,
  body: Readable,
  options: RootFileSystemOptions = NO_OPTIONS,
): Promise<ImageWithBlob> {
  const received = await receiveImage(config.dataDir, body, options, config.imageMaxBytes);
  try {
    const { digest, archiveHash, bytes, info, layers } = received;
    const blob = { digest, archiveHash, bytes, info, layers };
    const values = { id: freshId('image'), tenantId, name, blob, actor, uploadId };
    return await createImage(db, values, () => received.keep());
  } finally {
    await received.discard();
  }
}
