import { createHash } from 'node:crypto';
import type { TLSSocket, PeerCertificate } from 'node:tls';
import type { ShownCertificate } from '../../core/decideCertificate.ts';
import { BACKDATED_MS } from '../../core/decideRenewal.ts';

/** A device's keys and the one authority it trusts, all PEM. */
export interface Identity {
  deviceId: string;
  key: string;
  certificate: string;
  ca: string;
}

/** The name in a peer's certificate: a device's id, or `control`. Null when it presented none. */
export function peerName(socket: TLSSocket): string | null {
  const certificate = socket.getPeerCertificate() as PeerCertificate | undefined;
  const name = certificate?.subject?.CN;
  return typeof name === 'string' ? name : null;
}

/** What a peer's certificate says, to tell whether it is the peer's newest. Null when it presented none. */
export function peerCertificate(socket: TLSSocket): ShownCertificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const keyHash = createHash('sha256').update(spki).digest('hex');
  return { keyHash, issuedAt: Date.parse(certificate.validFrom) + BACKDATED_MS };
}

/** TLS settings of both ends of the link: version 1.3, our authority only, a certificate from either side. */
export function tlsOptions({ key, certificate, ca }: Identity) {
  return {
    key,
    cert: certificate,
    ca,
    minVersion: 'TLSv1.3' as const,
    requestCert: true,
    rejectUnauthorized: true,
  };
}

/** All of it as one text, and the bytes of its three parts: how the native helpers take it (device/native/src/tlsLink.h). */
export function identityText({ key, certificate, ca }: Identity): { sizes: number[]; pem: string } {
  const parts = [key, certificate, ca];
  return { sizes: parts.map((part) => Buffer.byteLength(part)), pem: parts.join('') };
}
