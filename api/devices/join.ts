import type { JoinRequest, JoinResponse } from '../../core/deviceApi.ts';
import { clockCauses } from '../../core/clockCauses.ts';
import { parseJoinToken } from '../../core/joinToken.ts';
import type { Database } from '../../db/database.ts';
import { createDevice, getDevice, rejoinDevice } from '../../db/devices.ts';
import { markJoinTokenUsed, refusedJoinToken, takeJoinToken } from '../../db/joinTokens.ts';
import { type ApiContext, freshId } from '../context.ts';
import { requireNone } from '../placement.ts';
import { hashSecret } from '../secrets.ts';
import { requireVersion } from './requireVersion.ts';

/**
 * Lets a device in that has a token, which serves one device: the same key may repeat its request (the answer may have been
 * lost), no other. @throws DrayageError versionsApart, joinTokenRefused, clockWrong, nameTaken, keyInUse, badCsr
 */
export async function joinDevice(context: ApiContext, request: JoinRequest): Promise<JoinResponse> {
  requireVersion(request.inventory.version);
  const publicKeyHash = await context.authority.publicKeyHash(request.csr);
  const deviceId = await context.db.transaction((tx) => admit(tx, request, publicKeyHash));
  return certify(context, request.csr, deviceId);
}

/** What a device gets that is let in. @throws DrayageError badCsr */
export async function certify(
  { authority, config }: ApiContext,
  csr: string,
  deviceId: string,
): Promise<JoinResponse> {
  const { certificate } = await authority.signRequest(csr, deviceId, config.deviceCertificateSeconds);
  return { deviceId, certificate, ca: authority.certificate, temporal: config.deviceTemporal };
}

async function admit(tx: Database, request: JoinRequest, publicKeyHash: string): Promise<string> {
  const parts = parseJoinToken(request.token);
  if (!parts) throw refusedJoinToken();
  const token = await takeJoinToken(tx, parts.id, hashSecret(parts.secret));
  const { inventory } = request;
  const name = token.name ?? request.name;
  const clockOffsetMs = clockOffset(request.clock);
  // After the token: only who has one is told anything of what else is wrong.
  requireNone(clockCauses(name, clockOffsetMs));
  if (token.deviceId !== null) {
    const device = await getDevice(tx, token.deviceId).catch(() => null);
    if (device?.publicKeyHash !== publicKeyHash) throw refusedJoinToken();
    await rejoinDevice(tx, device.id, { inventory, clockOffsetMs });
    return device.id;
  }
  const { location, labels } = token;
  const device = await createDevice(tx, {
    ...{ id: freshId('device'), name, publicKeyHash, inventory, clockOffsetMs, location },
    ...(labels ? { labels } : {}),
  });
  await markJoinTokenUsed(tx, token.id, device.id);
  return device.id;
}

/** How far a device's clock is ahead, milliseconds; what it said has taken its way. Null when it does not say. */
export function clockOffset(clock: number | undefined): number | null {
  return clock === undefined ? null : clock - Date.now();
}
