import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { Authority } from '../../../api/pki/authority.ts';
import { makeRequest } from './tls.ts';
import { LIFE_SECONDS } from './tls.ts';

export interface FakeLink {
  /** host:port */
  address: string;
  /** Names in the certificates of those who asked, and what they asked. */
  asked: string[];
  close(): Promise<void>;
}

/** A device's link with the control plane's part of it: logs and exec (an echo). */
export async function startFakeLink(
  authority: Authority,
  name: string,
  logs: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<FakeLink> {
  const { key, csr } = await makeRequest();
  const { certificate } = await authority.signRequest(csr, name, LIFE_SECONDS);
  const asked: string[] = [];
  const note = (request: IncomingMessage) => {
    const socket = request.socket as TLSSocket;
    asked.push(
      `${String(socket.getPeerCertificate().subject.CN)} ${String(socket.alpnProtocol)} ${request.url ?? ''}`,
    );
  };
  const server = createServer(
    {
      key,
      cert: certificate,
      ca: authority.certificate,
      requestCert: true,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2', 'http/1.1'],
    },
    (request, response) => {
      note(request);
      logs(request, response);
    },
  );
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    note(request);
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        // What comes on stdin (0) goes back on stdout (1).
        socket.send(Buffer.concat([Buffer.from([1]), data.subarray(1)]));
        return;
      }
      const message = JSON.parse(data.toString()) as { command?: string[]; eof?: boolean };
      if (message.command)
        socket.send(Buffer.concat([Buffer.from([2]), Buffer.from(message.command.join(' '))]));
      if (message.eof === true) {
        socket.send(JSON.stringify({ exit: 7 }));
        socket.close(1000);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    asked,
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
