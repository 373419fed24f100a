import { createHash, type X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { DrayageError } from '../../core/cause.ts';
import type { Inventory } from '../../core/device.ts';
import { joinResponseSchema } from '../../core/deviceApi.ts';
import { HttpsJson } from './httpsJson.ts';
import { newCertificateRequest, type StoredIdentity } from './identityStore.ts';

export interface JoinInput {
  controlUrl: string;
  /** `drj_<id>_<secret>_<fingerprint of the authority>`. */
  token: string;
  name: string;
  inventory: Inventory;
}

/**
 * Joins the device: trusts the control plane by the authority's fingerprint in the token, has its key certified.
 * @throws DrayageError when the token is malformed, used or expired, or the server's authority is another one
 */
export async function joinControlPlane({
  controlUrl,
  token,
  name,
  inventory,
}: JoinInput): Promise<StoredIdentity> {
  const fingerprint = /^drj_[^_]+_[^_]+_([A-Za-z0-9_-]{43})$/.exec(token)?.[1];
  if (fingerprint === undefined) {
    throw new DrayageError({
      code: 'badJoinToken',
      message: 'The join token is not one of ours.',
      mend: 'Make one with `drayage device token` and copy all of it.',
    });
  }
  const ca = await authority(new URL(controlUrl), fingerprint);
  const { key, csr } = await newCertificateRequest(name);
  const https = new HttpsJson(controlUrl, { ca });
  try {
    const joined = await https.call('POST', '/device/v1/join', joinResponseSchema, {
      token,
      csr,
      name,
      inventory,
      clock: Date.now(),
    });
    return {
      deviceId: joined.deviceId,
      key,
      certificate: joined.certificate,
      ca: joined.ca,
      temporal: joined.temporal,
    };
  } finally {
    https.close();
  }
}

/**
 * The authority that the server at `url` presents: its certificate (PEM) and that one's SHA-256 (base64url). Nothing of it
 * is proved before somebody has compared the fingerprint. @throws DrayageError controlPlaneUnreachable
 */
export async function presentedAuthority(url: URL): Promise<{ fingerprint: string; certificate: string }> {
  const root = await rootOf(url);
  if (root) {
    const fingerprint = createHash('sha256').update(root.raw).digest('base64url');
    return { fingerprint, certificate: root.toString() };
  }
  throw new DrayageError({
    code: 'controlPlaneUnreachable',
    message: `The server at ${url.host} shows no certificate.`,
    mend: 'Check DRAYAGE_CONTROL_URL.',
  });
}

/** The server's authority, PEM, if it is the one with that SHA-256 fingerprint (base64url). */
async function authority(url: URL, fingerprint: string): Promise<string> {
  const presented = await presentedAuthority(url);
  if (presented.fingerprint === fingerprint) return presented.certificate;
  throw new DrayageError({
    code: 'wrongAuthority',
    message: `The server at ${url.host} is not the control plane that gave out the join token.`,
    mend: 'Check DRAYAGE_CONTROL_URL, or make a new token on that control plane.',
  });
}

/** The last certificate of the chain that the server presents. It is only looked at here; the join itself verifies. */
function rootOf(url: URL): Promise<X509Certificate | null> {
  return new Promise((resolve, reject) => {
    const port = Number(url.port || 443);
    const socket = tls.connect(
      { host: url.hostname, port, rejectUnauthorized: false, minVersion: 'TLSv1.3', timeout: 5000 },
      () => {
        let certificate = socket.getPeerX509Certificate();
        while (
          certificate?.issuerCertificate &&
          certificate.issuerCertificate.fingerprint256 !== certificate.fingerprint256
        )
          certificate = certificate.issuerCertificate;
        socket.destroy();
        resolve(certificate ?? null);
      },
    );
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('error', (error: Error) =>
      reject(
        new DrayageError(
          {
            code: 'controlPlaneUnreachable',
            message: `The control plane does not answer at ${url.host}: ${error.message}.`,
            mend: 'Check the network and DRAYAGE_CONTROL_URL.',
          },
          { cause: error, retryable: true },
        ),
      ),
    );
  });
}
