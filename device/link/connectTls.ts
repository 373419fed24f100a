import tls, { type PeerCertificate } from 'node:tls';
import { DrayageError } from '../../core/cause.ts';
import { tlsOptions, type Identity } from './identity.ts';

export interface Peer {
  id: string;
  /** host:port of its link. */
  linkAddress: string;
}

const CONNECT_MS = 3000;

/** Connects with certificates on both sides. @throws DrayageError when it cannot be reached or is not who it should be */
export function connectTls(identity: Identity, peer: Peer, protocols: string[] = []): Promise<tls.TLSSocket> {
  const separator = peer.linkAddress.lastIndexOf(':');
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      ...tlsOptions(identity),
      host: peer.linkAddress.slice(0, separator),
      port: Number(peer.linkAddress.slice(separator + 1)),
      ALPNProtocols: protocols,
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
export function verifyPeer({ id }: Peer): (host: string, certificate: PeerCertificate) => Error | undefined {
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
