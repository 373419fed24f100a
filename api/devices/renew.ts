import { clockCauses } from '../../core/clockCauses.ts';
import { getDevice, requireOwnKey } from '../../db/devices.ts';
import type { ApiContext } from '../context.ts';
import { requireNone } from '../placement.ts';

/**
 * A certificate (PEM) of another key for a device that has proved who it is. Until the device has given a sign of life with it
 * the one on record is good, too, for the answer may be lost. @throws DrayageError unknownDevice, clockWrong, keyInUse, badCsr
 */
export async function renewCertificate(
  { authority, config, db }: ApiContext,
  deviceId: string,
  { csr, clockOffsetMs }: { csr: string; clockOffsetMs: number | null },
): Promise<string> {
  const { name, certifiedAt } = await getDevice(db, deviceId);
  requireNone(clockCauses(name, clockOffsetMs));
  await requireOwnKey(db, deviceId, await authority.publicKeyHash(csr));
  const lifeSeconds = config.deviceCertificateSeconds;
  return (await authority.signRequest(csr, deviceId, lifeSeconds, certifiedAt)).certificate;
}
