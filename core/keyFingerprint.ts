/**
 * A public key as people compare it on both sides: `SHA256:` and the base64 of the hash, as SSH shows its keys.
 * `publicKeyHash` is the SHA-256 of the key's SPKI, hex.
 */
export function keyFingerprint(publicKeyHash: string): string {
  return `SHA256:${Buffer.from(publicKeyHash, 'hex').toString('base64').replace(/=+$/, '')}`;
}
