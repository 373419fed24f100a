import { X509Certificate } from 'node:crypto';
import type { Database } from '../../db/database.ts';
import { findDevice } from '../../db/devices.ts';
import { shownIn } from '../devices/identity.ts';

/** For so long a device is taken for what the database said of it, milliseconds. */
const KNOWN_MS = 5_000;

interface Known {
  publicKeyHash: string;
  at: number;
}

/**
 * Which device a certificate is of: issued by our own authority (TLS has seen to that), for the key on record. A device that
 * was removed is nobody. While the database is away what it said last holds: a move must not fail for that.
 */
export class KnownDevices {
  readonly #db: Database;
  readonly #known = new Map<string, Known>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** The device's id; null for nobody that is known. @throws when the database is away and the device was never asked for */
  async of(certificate: Buffer): Promise<string | null> {
    const shown = shownIn(new X509Certificate(certificate));
    if (shown === null) return null;
    const { deviceId, publicKeyHash } = shown;
    return (await this.#hashOf(deviceId)) === publicKeyHash ? deviceId : null;
  }

  async #hashOf(id: string): Promise<string | null> {
    const known = this.#known.get(id);
    if (known && performance.now() - known.at < KNOWN_MS) return known.publicKeyHash;
    try {
      const row = await findDevice(this.#db, id);
      if (row) this.#known.set(id, { publicKeyHash: row.publicKeyHash, at: performance.now() });
      else this.#known.delete(id);
      return row?.publicKeyHash ?? null;
    } catch (error) {
      if (known) return known.publicKeyHash;
      throw error;
    }
  }
}
