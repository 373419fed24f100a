import { parseReference } from '../../core/registryReference.ts';
import { getPull, pullSucceeded } from '../../db/imagePulls.ts';
import { findRegistry } from '../../db/registries.ts';
import { storeImage, type StoreContext } from '../images/storeImage.ts';
import type { Authority } from '../pki/authority.ts';
import { openText } from '../sealedText.ts';
import type { RegistryPolicy } from './policy.ts';
import { pullArchive } from './pullArchive.ts';
import { RegistryClient } from './registryClient.ts';

/** What a pull works with. */
export interface PullContext extends StoreContext {
  authority: Pick<Authority, 'secretFor'>;
  registries: RegistryPolicy;
}

/** The key with which passwords of registries are sealed. */
export function registryKey(authority: Pick<Authority, 'secretFor'>): Buffer {
  return authority.secretFor('registry credentials');
}

/** What a sealed password belongs to. */
export function sealedFor(tenantId: string, host: string): string {
  return `${tenantId} ${host}`;
}

/**
 * Gets the image of a pull that was recorded, and records that it has come. One that has ended is left alone.
 * @throws DrayageError what speaks against it, of the registry or of the image
 */
export async function runPull(context: PullContext, pullId: string, signal: AbortSignal): Promise<void> {
  const { db, authority, registries, config } = context;
  const { tenantId, state, name, architecture, actor, ...row } = await getPull(db, pullId);
  const reference = parseReference(row.reference);
  if (state !== 'running' || reference === null) return;
  const { host } = reference;
  const kept = await findRegistry(db, tenantId, host);
  const login = kept && {
    username: kept.username,
    password: openText(registryKey(authority), sealedFor(tenantId, host), kept.sealedPassword),
  };
  const client = new RegistryClient(registries, reference, login, signal);
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const store = { dataDir: config.dataDir, maxBytes: config.imageMaxBytes };
  const { archive, manifestDigest } = await pullArchive(client, wanted, architecture, store);
  try {
    const made = await storeImage(context, { tenantId, name, actor }, archive);
    await pullSucceeded(db, pullId, { imageId: made.id, manifestDigest });
  } finally {
    // What was refused in the middle is not fetched to its end.
    archive.destroy();
  }
}
