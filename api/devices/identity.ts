import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';
import { findDevice } from '../../db/devices.ts';
import type { ApiContext } from '../context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The device whose certificate the connection showed; null where none is needed and none was shown. */
    deviceId: string | null;
  }
  interface FastifyContextConfig {
    /** A certificate is looked at but not needed. */
    certificateOptional?: boolean;
  }
}

/** What a certificate says of whom it is of; TLS has seen to it that it is of our own authority. */
export interface Shown {
  deviceId: string;
  publicKeyHash: string;
}

/** Null when the certificate names nobody. */
export function shownIn(certificate: X509Certificate): Shown | null {
  const deviceId = /^CN=(?<name>\S+)$/m.exec(certificate.subject)?.groups?.['name'];
  return deviceId === undefined ? null : { deviceId, publicKeyHash: publicKeyHashOf(certificate) };
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

function shownBy(socket: TLSSocket): Shown | null {
  const known = shown.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  const found = certificate ? shownIn(certificate) : null;
  shown.set(socket, found);
  return found;
}

/**
 * A device is who its certificate says: issued by our own authority, for the key on record. A device that was removed,
 * or has got a newer certificate for another key, is nobody.
 */
export const deviceIdentityPlugin = plugin<{ context: ApiContext }>(async (app, { context }) => {
  app.decorateRequest('deviceId', null);
  app.addHook('onRequest', async (request) => {
    const said = shownBy(request.raw.socket as TLSSocket);
    const row = said === null ? null : await findDevice(context.db, said.deviceId);
    if (row && row.publicKeyHash === said?.publicKeyHash) request.deviceId = row.id;
    else if (request.routeOptions.config.certificateOptional !== true) {
      throw new DrayageError({
        code: 'noCertificate',
        message: 'The connection shows no certificate of a device that is known here.',
        mend: 'Join the device, again if it was removed: make a token with `drayage device token`.',
      });
    }
  });
  return Promise.resolve();
});

/** The device that asks, on a route that needs a certificate. */
export function deviceOf(request: FastifyRequest): string {
  if (request.deviceId === null) throw new Error('a route without certificate asked which device it is');
  return request.deviceId;
}
