import type { ControlClient } from './controlClient.ts';
import { newCertificateRequest } from './identityStore.ts';
import type { LiveIdentity } from './liveIdentity.ts';

/**
 * Gets a certificate for a new key and takes it into use: a key that somebody has copied is worth nothing after it. The new key
 * is on disk before it is asked for, so that an answer that was lost is asked for again with the same one; the control plane
 * takes the old one until it has heard from this device with the new one. @throws DrayageError
 */
export async function renewCertificate(
  identity: LiveIdentity,
  control: Pick<ControlClient, 'renew'>,
): Promise<void> {
  const next = identity.current.next ?? (await newCertificateRequest(identity.current.deviceId));
  await identity.keep({ ...identity.current, next });
  const certificate = await control.renew(next.csr);
  const { next: _, ...rest } = identity.current;
  await identity.replace({ ...rest, key: next.key, certificate });
}
