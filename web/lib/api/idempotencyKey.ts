/** Header of a POST that starts work: sent again with the same key, it is done once. Works without TLS, too. */
export function idempotencyKey(): { 'idempotency-key': string } {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { 'idempotency-key': [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
}
