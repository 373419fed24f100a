import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';
import { BACKDATED_MS } from '../../core/decideRenewal.ts';
import { decideCertificate, type ShownCertificate } from '../../core/decideCertificate.ts';
import { recordedCertificate } from '../../db/devices.ts';
import type { ApiContext } from '../context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The device whose certificate the connection showed; null where none is needed and none was shown. */
    deviceId: string | null;
    /** Whom a certificate of our authority names that was not taken; to be written down, not to be believed. */
    claimedId: string | null;
  }
  interface FastifyContextConfig {
    /** A certificate is looked at but not needed. */
    certificateOptional?: boolean;
    /** One that has run out is good enough: its key proves the device all the same. */
    mayHaveExpired?: boolean;
  }
}

/** What a certificate of our own authority says of whom it is of. */
export interface Shown extends ShownCertificate {
  deviceId: string;
  /** Until when it is valid, milliseconds since 1970. */
  validTo: number;
}

/** Null when the certificate names nobody. */
export function shownIn(certificate: X509Certificate): Shown | null {
  const deviceId = /^CN=(?<name>\S+)$/m.exec(certificate.subject)?.groups?.['name'];
  if (deviceId === undefined) return null;
  const issuedAt = Date.parse(certificate.validFrom) + BACKDATED_MS;
  return {
    deviceId,
    keyHash: publicKeyHashOf(certificate),
    issuedAt,
    validTo: Date.parse(certificate.validTo),
  };
}

/**
 * SHA-256 (hex) of the public key whose private half the other end has: TLS has checked its signature over this very
 * connection. Null when it shows no certificate. Whose the key is, and who issued the certificate, says nothing here.
 */
export function provedKeyHash(request: FastifyRequest): string | null {
  const certificate = (request.raw.socket as TLSSocket).getPeerX509Certificate();
  return certificate ? publicKeyHashOf(certificate) : null;
}

function publicKeyHashOf(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** What a connection's certificate says; read once per connection. */
const shown = new WeakMap<TLSSocket, Shown | null>();

function shownBy(socket: TLSSocket, authority: KeyObject): Shown | null {
  const known = shown.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerX509Certificate();
  // TLS tells only the last thing that is wrong: of one that is not valid now it has not said that the authority signed it.
  const ours = socket.authorized || (notValidNow(socket) !== null && certificate?.verify(authority) === true);
  const found = certificate && ours ? shownIn(certificate) : null;
  shown.set(socket, found);
  return found;
}

function notValidNow(socket: TLSSocket): 'certificateExpired' | 'certificateNotYetValid' | null {
  const why = socket.authorizationError as unknown;
  if (why === 'CERT_HAS_EXPIRED') return 'certificateExpired';
  return why === 'CERT_NOT_YET_VALID' ? 'certificateNotYetValid' : null;
}

/**
 * A device is who its certificate says: issued by our own authority, valid now, and the newest. A device that was removed is
 * nobody.
 */
export const deviceIdentityPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  const authority = new X509Certificate(context.authority.certificate).publicKey;
  app.decorateRequest('deviceId', null);
  app.decorateRequest('claimedId', null);
  app.addHook('onRequest', async (request) => {
    const { certificateOptional = false, mayHaveExpired = false } = request.routeOptions.config;
    const socket = request.raw.socket as TLSSocket;
    const said = shownBy(socket, authority);
    const recorded = said === null ? null : await recordedCertificate(context.db, said.deviceId);
    const counts =
      said !== null && recorded !== null && decideCertificate(said, recorded).action !== 'refuse';
    const notValid =
      notValidNow(socket) ?? (said && said.validTo <= Date.now() ? 'certificateExpired' : null);
    if (counts && (notValid === null || (mayHaveExpired && notValid === 'certificateExpired'))) {
      request.deviceId = said.deviceId;
      return;
    }
    request.claimedId = said?.deviceId ?? null;
    if (!certificateOptional) throw counts && notValid !== null ? outOfDate(notValid) : noCertificate();
  });
  return Promise.resolve();
});

function noCertificate(): DrayageError {
  return new DrayageError({
    code: 'noCertificate',
    message: 'The connection shows no certificate of a device that is known here.',
    mend: 'Join the device, again if it was removed: make a token with `drayage device token`.',
  });
}

function outOfDate(code: 'certificateExpired' | 'certificateNotYetValid'): DrayageError {
  if (code === 'certificateExpired')
    return new DrayageError({
      code,
      message: "The device's certificate has run out.",
      mend: "Its worker renews it by itself, by its key; the worker's log says why it has not (journalctl -u drayage-node).",
    });
  return new DrayageError({
    code,
    message: "The device's certificate is not valid yet, by the clock of the control plane.",
    mend: "Look at the control plane's clock: it is behind what it was when the certificate was issued.",
  });
}

/** The device that asks, on a route that needs a certificate. */
export function deviceOf(request: FastifyRequest): string {
  if (request.deviceId === null) throw new Error('a route without certificate asked which device it is');
  return request.deviceId;
}

/** What its connection's certificate says, on a route that needs one. */
export function certificateShown(request: FastifyRequest): ShownCertificate {
  const said = shown.get(request.raw.socket as TLSSocket);
  if (!said) throw new Error('a route without certificate asked for one');
  return said;
}
