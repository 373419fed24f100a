import net, { type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { addressOf, CONNECT_MS, secured, unreachable, type Peer } from '../../link/connectTls.ts';
import { SILENCE_MS } from '../../link/linkClient.ts';
import { onLines } from '../../onLines.ts';
import { PING_FRAME } from './frameSender.ts';
import type { PageDestination } from './scanner.ts';

const SIGN_OF_LIFE_MS = 400;
/** The target's sign of life. */
const ALIVE = 'alive';

/**
 * The connection that memory goes over, where no helper makes it (device/native/src/frameSender.h): a line that tells the
 * target's worker which arrival it is for, then TLS with who keeps its pages. Frames go one way, lines the other.
 */
export class PageConnection {
  readonly socket: TLSSocket;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  #heardAt = performance.now();

  private constructor(socket: TLSSocket, hear: (line: string) => void) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    this.#listen(hear);
    this.#watch();
  }

  /** @throws DrayageError when the target cannot be reached, is another, or does not expect the token */
  static async open(
    { identity, peer, token }: PageDestination,
    hear: (line: string) => void,
  ): Promise<PageConnection> {
    const socket = await introduce(peer, token);
    return new PageConnection(await secured({ socket }, identity, peer), hear);
  }

  close(): void {
    this.socket.destroy();
  }

  #listen(hear: (line: string) => void): void {
    this.socket.on('data', () => (this.#heardAt = performance.now()));
    onLines(this.socket, (line) => {
      if (line !== ALIVE) hear(line);
    });
  }

  #watch(): void {
    const timer = setInterval(() => {
      if (performance.now() - this.#heardAt > SILENCE_MS) this.socket.destroy();
      // What waits to be sent is a sign of life itself.
      else if (this.socket.writableLength === 0) this.socket.write(PING_FRAME);
    }, SIGN_OF_LIFE_MS);
    void this.closed.then(() => clearInterval(timer));
  }
}

/** Connects and tells what for; resolves when the target has handed the connection to who keeps the pages. */
function introduce(peer: Peer, token: string): Promise<Socket> {
  const socket = net.connect(addressOf(peer));
  socket.setNoDelay(true);
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      socket.destroy();
      reject(unreachable(peer, why));
    };
    socket.setTimeout(CONNECT_MS, () => fail('no answer'));
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail("it does not expect this compute's memory"));
    socket.once('data', (answer: Buffer) => {
      if (answer.toString() !== 'ok\n') return fail("it does not expect this compute's memory");
      socket.setTimeout(0);
      socket.removeAllListeners();
      socket.pause();
      resolve(socket);
    });
    socket.write(`${token}\n`);
  });
}
