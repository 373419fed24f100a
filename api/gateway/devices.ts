import { X509Certificate } from 'node:crypto';
import { decideCertificate, type RecordedCertificate } from '../../core/decideCertificate.ts';
import type { Database } from '../../db/database.ts';
import { certificateOf, findDevice } from '../../db/devices.ts';
import { shownIn } from '../devices/identity.ts';

/** For so long a device is taken for what the database said of it, milliseconds. */
const KNOWN_MS = 5_000;

interface Known {
  record: RecordedCertificate;
  at: number;
}

export type Recognised = { action: 'take'; deviceId: string } | { action: 'refuse'; named: string | null };

/**
 * Which device a certificate is of: issued by our own authority (TLS has seen to that), valid now, and the newest. A device
 * that was removed is nobody. While the database is away what it said last holds: a move must not fail for that.
 */
export class KnownDevices {
  readonly #db: Database;
  readonly #known = new Map<string, Known>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Of whom it is, or whom it only names. @throws when the database is away and the device was never asked for */
  async of(certificate: Buffer | undefined): Promise<Recognised> {
    const shown = certificate ? shownIn(new X509Certificate(certificate)) : null;
    if (shown === null) return { action: 'refuse', named: null };
    const { deviceId, validTo } = shown;
    const record = validTo > Date.now() ? await this.#recordOf(deviceId) : null;
    if (record === null || decideCertificate(shown, record).action === 'refuse')
      return { action: 'refuse', named: deviceId };
    return { action: 'take', deviceId };
  }

  async #recordOf(id: string): Promise<RecordedCertificate | null> {
    const known = this.#known.get(id);
    if (known && performance.now() - known.at < KNOWN_MS) return known.record;
    try {
      const row = await findDevice(this.#db, id);
      if (row) this.#known.set(id, { record: certificateOf(row), at: performance.now() });
      else this.#known.delete(id);
      return row && certificateOf(row);
    } catch (error) {
      if (known) return known.record;
      throw error;
    }
  }
}
