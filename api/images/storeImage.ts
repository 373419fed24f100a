import { createImage, type ImageWithBlob } from '../../db/images.ts';
import { type ApiContext, freshId } from '../context.ts';
import type { ReceivedImage } from './receive.ts';

/** Makes a tenant's image of what was received, or discards that. @throws DrayageError nameTaken, quotaExceeded */
export async function storeImage(
  { db }: Pick<ApiContext, 'db'>,
  received: ReceivedImage,
  { tenantId, name, actor }: { tenantId: string; name: string; actor: string },
): Promise<ImageWithBlob> {
  try {
    const { digest, archiveHash, bytes, info } = received;
    const blob = { digest, archiveHash, bytes, info };
    const values = { id: freshId('image'), tenantId, name, blob, actor };
    return await createImage(db, values, () => received.keep());
  } finally {
    await received.discard();
  }
}
