import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type PeerCertificate } from 'node:tls';

export interface TlsFront {
  port: number;
  /** Names in the certificates that clients showed, and null of those who showed none. */
  seen: (string | null)[];
  close(): Promise<void>;
}

interface FrontOptions {
  key: string;
  cert: string;
  /** The authority of clients' certificates; a client must show one. */
  clientCa?: string;
  /** Of HTTP/2: gRPC asks for it. */
  alpn?: string[];
  /** Called with the bare connection before TLS begins: what the protocol says in clear. */
  before?: (socket: Socket) => Promise<void>;
}

/** TLS in front of a server that speaks in clear: to the outside it is one with certificates. */
export async function startTlsFront(target: { port: number }, options: FrontOptions): Promise<TlsFront> {
  const { key, cert, clientCa, alpn, before } = options;
  const seen: (string | null)[] = [];
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  };
  const asks = clientCa !== undefined;
  const tls = createTlsServer(
    {
      ...{ key, cert, requestCert: asks, rejectUnauthorized: asks },
      ...(asks ? { ca: clientCa } : {}),
      ...(alpn ? { ALPNProtocols: alpn } : {}),
    },
    (socket) => {
      const { subject } = socket.getPeerCertificate() as Partial<PeerCertificate>;
      seen.push(subject?.CN === undefined ? null : String(subject.CN));
      const inner = connect(target.port, '127.0.0.1');
      for (const one of [socket, inner]) keep(one);
      socket.on('close', () => inner.destroy());
      inner.on('close', () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    },
  );
  const server = createServer((bare) => {
    keep(bare);
    Promise.resolve(before?.(bare)).then(
      () => tls.emit('connection', bare),
      () => bare.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
