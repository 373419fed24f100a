/** A join token: `drj_<id>_<secret>_<fingerprint>`, where the fingerprint is the CA certificate's (SHA-256 of its DER). */
export interface JoinTokenParts {
  /** Id of its record, `tok_…`. */
  id: string;
  secret: string;
  /** base64url; the device checks the server's chain against it, so that it needs no earlier trust. */
  caFingerprint: string;
}

export function formatJoinToken({ id, secret, caFingerprint }: JoinTokenParts): string {
  return `drj_${id.replace(/^tok_/, '')}_${secret}_${caFingerprint}`;
}

/** Null when the text is no join token. */
export function parseJoinToken(text: string): JoinTokenParts | null {
  const match = /^drj_([0-9a-z]{12})_([0-9a-f]{64})_([A-Za-z0-9_-]{43})$/.exec(text.trim());
  if (!match) return null;
  const [, id = '', secret = '', caFingerprint = ''] = match;
  return { id: `tok_${id}`, secret, caFingerprint };
}
