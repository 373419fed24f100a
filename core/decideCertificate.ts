/** A certificate of our own authority, as a connection shows it. */
export interface ShownCertificate {
  /** SHA-256 (hex) of its public key. */
  keyHash: string;
  /** When it was issued, milliseconds since 1970. */
  issuedAt: number;
}

/** What is on record of a device's. */
export interface RecordedCertificate {
  keyHash: string;
  /** All that were issued later are newer, milliseconds since 1970. */
  issuedAt: number;
}

export interface CertificateDecision {
  /** `adopt`: it counts, and takes the place of the one on record once the device has given a sign of life with it. */
  action: 'take' | 'adopt' | 'refuse';
  reason: string;
}

/**
 * Whether a certificate that names a device is the device's. Each renewal makes a new key, and only the authority makes
 * certificates: one that is newer than the record is of a renewal, even where the record is of an older backup.
 */
export function decideCertificate(shown: ShownCertificate, record: RecordedCertificate): CertificateDecision {
  if (shown.keyHash === record.keyHash) return { action: 'take', reason: 'its key is the one on record' };
  if (shown.issuedAt > record.issuedAt)
    return { action: 'adopt', reason: 'it was issued after the one on record' };
  return { action: 'refuse', reason: 'a newer one has followed it' };
}
