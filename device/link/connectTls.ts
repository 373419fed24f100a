import tls, { type PeerCertificate } from 'node:tls';
import { DrayageError } from '../../core/cause.ts';
import { tlsOptions, type Identity } from './identity.ts';
import { patient } from '../patience.ts';

export interface Peer {
  id: string;
  /** host:port of its link. */
  linkAddress: string;
}

/** A peer that takes longer than this to answer a connection is not there, milliseconds. */
export const CONNECT_MS = patient(3000);

/** The two parts of its address. */
export function addressOf({ linkAddress }: Peer): { host: string; port: number } {
  const separator = linkAddress.lastIndexOf(':');
  return { host: linkAddress.slice(0, separator), port: Number(linkAddress.slice(separator + 1)) };
}

/** Connects with certificates on both sides. @throws DrayageError when it cannot be reached or is not who it should be */
export function connectTls(identity: Identity, peer: Peer, protocols: string[] = []): Promise<tls.TLSSocket> {
  return secured({ ...addressOf(peer), ALPNProtocols: protocols }, identity, peer);
}

/** Makes a connection, or one that stands already (`socket`), secure. @throws DrayageError as connectTls */
export function secured(
  options: tls.ConnectionOptions,
  identity: Identity,
  peer: Peer,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...tlsOptions(identity),
      ...options,
      checkServerIdentity: verifyPeer(peer),
    });
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), CONNECT_MS);
    socket.setNoDelay(true);
    socket.once('error', (error: Error) => {
      clearTimeout(timer);
      reject(unreachable(peer, error.message, error));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

/** Its certificate bears the peer's own name. */
function verifyPeer({ id }: Peer): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, { subject }) =>
    subject.CN === id ? undefined : new Error(`the peer is ${String(subject.CN)}, not ${id}`);
}

/** The error of every failed attempt to talk to a peer; worth another try. */
export function unreachable(peer: Peer, why: string, cause?: unknown): DrayageError {
  return new DrayageError(
    {
      code: 'peerUnreachable',
      message: `Device ${peer.id} cannot be reached at ${peer.linkAddress}: ${why}.`,
      mend: 'Check the network between the two devices and that the worker runs on both.',
    },
    { cause, retryable: true },
  );
}
