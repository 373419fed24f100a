import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { text } from 'node:stream/consumers';
import { DrayageError } from '../../core/cause.ts';
import { connectTls, unreachable, type Peer } from './connectTls.ts';
import type { Identity } from './identity.ts';
import { WINDOW } from './linkServer.ts';
import { patient } from '../patience.ts';

/** A peer that does not answer for this long is taken as silent, milliseconds. */
export const SILENCE_MS = patient(2000);
const PING_EVERY_MS = 400;

/** One connection to a peer's link. A peer that falls silent ends it: `closed` resolves. */
export class LinkClient {
  readonly peer: Peer;
  readonly #session: ClientHttp2Session;
  readonly closed: Promise<void>;
  #pinger: NodeJS.Timeout;
  readonly #socket: TLSSocket;
  #heard = performance.now();
  #looked = performance.now();
  #bytesRead = 0;

  private constructor(peer: Peer, session: ClientHttp2Session, socket: TLSSocket) {
    this.peer = peer;
    this.#session = session;
    this.#socket = socket;
    session.on('error', () => undefined);
    this.closed = new Promise((resolve) => session.once('close', () => resolve()));
    this.#pinger = setInterval(() => this.#ping(), PING_EVERY_MS);
    void this.closed.then(() => clearInterval(this.#pinger));
  }

  /** @throws DrayageError when the peer cannot be reached or is not who it should be */
  static async connect(identity: Identity, peer: Peer): Promise<LinkClient> {
    const socket = await connectTls(identity, peer, ['h2']);
    const session = http2.connect(`https://${peer.linkAddress}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: WINDOW.stream },
    });
    const client = new LinkClient(peer, session, socket);
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      void client.closed.then(() => reject(unreachable(peer, 'the connection ended')));
    });
    session.setLocalWindowSize(WINDOW.session);
    return client;
  }

  /** Opens a stream to the peer: what is written is the request's body, what is read is the answer's. */
  open(path: string): ClientHttp2Stream {
    const stream = this.#session.request({ ':method': 'POST', ':path': path }, { endStream: false });
    stream.on('error', () => undefined);
    return stream;
  }

  /** Sends JSON, resolves with the JSON answer. @throws DrayageError when refused or cut */
  async call(path: string, body: unknown): Promise<unknown> {
    const stream = this.open(path);
    stream.end(JSON.stringify(body));
    return answer(stream, this.peer);
  }

  close(): void {
    this.#session.destroy();
  }

  #ping(): void {
    this.#listen();
    if (performance.now() - this.#heard > SILENCE_MS) {
      this.#session.destroy();
      return;
    }
    if (this.#session.destroyed || this.#session.closed) return;
    this.#session.ping((error) => {
      if (!error) this.#heard = performance.now();
    });
  }

  /** Whatever comes is a sign of life. What came while this process itself had no processor lies unread: that time does not count. */
  #listen(): void {
    const now = performance.now();
    this.#heard += Math.max(0, now - this.#looked - PING_EVERY_MS);
    this.#looked = now;
    if (this.#socket.bytesRead === this.#bytesRead) return;
    this.#bytesRead = this.#socket.bytesRead;
    this.#heard = now;
  }
}

/** Waits for the end of an answer and parses it. @throws DrayageError when the status is not 200 or the stream was cut */
export async function answer(stream: ClientHttp2Stream, peer: Peer): Promise<unknown> {
  const status = await new Promise<number>((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('close', () => reject(unreachable(peer, 'the connection ended')));
  });
  const body = await text(stream).catch(() => '');
  if (status !== 200) {
    throw new DrayageError({
      code: 'peerRefused',
      message: `Device ${peer.id} refused: ${body || `status ${status}`}.`,
      mend: 'See the log of that device.',
    });
  }
  return body === '' ? null : (JSON.parse(body) as unknown);
}
