import http2, { type ServerHttp2Session, type ServerHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import tls, { type TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { peerCertificate, peerName, tlsOptions, type Identity } from './identity.ts';
import type { ShownCertificate } from '../../core/decideCertificate.ts';
import { patient } from '../patience.ts';

/** A request of a peer device: a one-way stream of data, a session, or an exchange. */
export interface LinkRequest {
  stream: ServerHttp2Stream;
  headers: IncomingHttpHeaders;
  /** The caller's device id, from its certificate. */
  peer: string;
  path: string;
}

export interface LinkHandlers {
  /** Whether a device with this certificate is served; asked for each connection, and again while it lasts. */
  allows(deviceId: string, certificate: ShownCertificate): Promise<boolean>;
  /** Requests of other devices, HTTP/2. */
  device(request: LinkRequest): Promise<void>;
  /** Requests of the control plane, HTTP/1.1 (logs, exec). */
  control(request: IncomingMessage, response: ServerResponse): Promise<void>;
  controlUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  log(message: string, detail: Record<string, unknown>): void;
}

/** Flow-control windows, bytes: large enough for a gigabit link at 30 ms, small enough for 64 MB in all. */
export const WINDOW = { stream: 4 * 1024 * 1024, session: 16 * 1024 * 1024 } as const;

/** A peer pings every 400 ms; one that is silent for this long has gone, milliseconds. */
const PEER_SILENCE_MS = patient(3000);
/** Time to read what came while this process itself had no processor, milliseconds. */
const READ_MS = 100;

const CONTROL_PEER = 'control';
/** Often enough to end what a removed device began, seldom enough to cost nothing. */
const LOOK_MS = 15_000;

/**
 * The device's data plane: one TLS 1.3 port, certificates of our authority on both sides. ALPN tells peers (h2) from the
 * control plane (http/1.1).
 */
export class LinkServer {
  readonly #server: tls.Server;
  readonly #http1: http.Server;
  readonly #handlers: LinkHandlers;
  readonly #sockets = new Set<TLSSocket>();
  readonly #looking: NodeJS.Timeout;

  /** `lookMs`: how often those are looked at that are served, milliseconds; one that was removed is cut off. */
  constructor(identity: Identity, handlers: LinkHandlers, lookMs = LOOK_MS) {
    this.#handlers = handlers;
    this.#http1 = http.createServer((request, response) => {
      handlers.control(request, response).catch((error: unknown) => {
        handlers.log('a request of the control plane failed', { path: request.url, error: String(error) });
        response.destroy();
      });
    });
    this.#http1.on('upgrade', (request, socket, head) => handlers.controlUpgrade(request, socket, head));
    this.#server = tls.createServer(
      { ...tlsOptions(identity), ALPNProtocols: ['h2', 'http/1.1'] },
      (socket) => void this.#accept(socket),
    );
    this.#looking = setInterval(() => void this.#look(), lookMs).unref();
    this.#server.on('tlsClientError', (error, socket) =>
      handlers.log('a peer was refused', { address: socket.remoteAddress, error: error.message }),
    );
  }

  /** Listens; resolves with the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  /** Presents and trusts new certificates from the next connection on. */
  renew(identity: Identity): void {
    this.#server.setSecureContext(tlsOptions(identity));
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #accept(socket: TLSSocket): Promise<void> {
    const peer = peerName(socket);
    socket.on('error', () => undefined);
    if (!socket.authorized || peer === null) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
    if (peer === CONTROL_PEER && socket.alpnProtocol !== 'h2') this.#http1.emit('connection', socket);
    else if (socket.alpnProtocol !== 'h2') {
      this.#handlers.log('a device asked for what only the control plane may', { peer });
      socket.destroy();
    } else if (await this.#allows(socket, peer)) {
      // What it has said meanwhile waits in the socket, which nobody has read from.
      if (!socket.destroyed) this.#serve(socket, peer);
    }
  }

  /** Cuts a peer off that is not to be served. */
  async #allows(socket: TLSSocket, peer: string): Promise<boolean> {
    if (peer === CONTROL_PEER) return true;
    const certificate = peerCertificate(socket);
    if (certificate && (await this.#handlers.allows(peer, certificate))) return true;
    this.#handlers.log(
      'a device was refused that was removed, or shows a certificate that a newer one has followed',
      {
        peer,
        address: socket.remoteAddress,
      },
    );
    socket.destroy();
    return false;
  }

  async #look(): Promise<void> {
    for (const socket of this.#sockets) {
      const peer = peerName(socket);
      if (peer !== null && !socket.destroyed) await this.#allows(socket, peer);
    }
  }

  #serve(socket: TLSSocket, peer: string): void {
    const settings = { initialWindowSize: WINDOW.stream };
    const session: ServerHttp2Session = http2.performServerHandshake(socket, { settings });
    session.setLocalWindowSize(WINDOW.session);
    // Its pings are signs of life, but Node counts them only where somebody listens. A peer behind a cut cable says no goodbye.
    session.on('ping', () => undefined);
    session.setTimeout(PEER_SILENCE_MS, () => {
      const read = socket.bytesRead;
      setTimeout(() => {
        if (socket.bytesRead === read) session.destroy();
      }, READ_MS);
    });
    session.on('error', () => undefined);
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      const path = String(headers[':path']);
      this.#handlers.device({ stream, headers, peer, path }).catch((error: unknown) => {
        this.#handlers.log('a request of a peer failed', { peer, path, error: String(error) });
        if (!stream.destroyed) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      });
    });
  }
}
