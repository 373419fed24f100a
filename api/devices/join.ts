import type { JoinRequest, JoinResponse } from '../../core/deviceApi.ts';
import { parseJoinToken } from '../../core/joinToken.ts';
import type { Database } from '../../db/database.ts';
import { createDevice, getDevice, rejoinDevice } from '../../db/devices.ts';
import { markJoinTokenUsed, refusedJoinToken, takeJoinToken } from '../../db/joinTokens.ts';
import { type ApiContext, freshId } from '../context.ts';
import { hashSecret } from '../secrets.ts';
import { requireVersion } from './requireVersion.ts';

/**
 * Lets a device in. With its certificate (`knownAs`) it keeps its id and gets a new certificate; otherwise it needs a
 * token, which serves one device: the same key may repeat its request (the answer may have been lost), no other.
 * @throws DrayageError versionsApart, joinTokenRefused, nameTaken, badCsr
 */
export async function joinDevice(
  context: ApiContext,
  request: JoinRequest,
  knownAs: string | null,
): Promise<JoinResponse> {
  const { authority, db } = context;
  requireVersion(request.inventory.version);
  const publicKeyHash = await authority.publicKeyHash(request.csr);
  const deviceId = await db.transaction(async (tx) => {
    const id = knownAs ?? (await admit(tx, request, publicKeyHash));
    await rejoinDevice(tx, id, { publicKeyHash, inventory: request.inventory });
    return id;
  });
  return certify(context, request.csr, deviceId);
}

/** What a device gets that is let in. @throws DrayageError badCsr */
export async function certify(
  { authority, config }: ApiContext,
  csr: string,
  deviceId: string,
): Promise<JoinResponse> {
  const { certificate } = await authority.signRequest(csr, deviceId);
  return { deviceId, certificate, ca: authority.certificate, temporal: config.deviceTemporal };
}

async function admit(tx: Database, request: JoinRequest, publicKeyHash: string): Promise<string> {
  const parts = parseJoinToken(request.token ?? '');
  if (!parts) throw refusedJoinToken();
  const token = await takeJoinToken(tx, parts.id, hashSecret(parts.secret));
  if (token.deviceId !== null) {
    const device = await getDevice(tx, token.deviceId).catch(() => null);
    if (device?.publicKeyHash !== publicKeyHash) throw refusedJoinToken();
    return device.id;
  }
  const { name, inventory } = request;
  const device = await createDevice(tx, { id: freshId('device'), name, publicKeyHash, inventory });
  await markJoinTokenUsed(tx, token.id, device.id);
  return device.id;
}
