import net, { type Socket } from 'node:net';
import { patient } from '../patience.ts';

/** A source says at once what it comes for, milliseconds. */
const FIRST_LINE_MS = patient(3000);
const TOKEN_MAX = 64;

/**
 * Where sources send memory to, beside the link's own port. A connection begins with a line, the token that its arrival was
 * given over the link; it then goes to the helper that keeps the pages (memory-target), which speaks TLS on it and makes
 * sure of who the other side is. The token only tells which helper: it is no secret.
 */
export class PageListener {
  readonly #server: net.Server;
  readonly #expected = new Map<string, (socket: Socket) => void>();
  #port = 0;

  constructor() {
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  /** @throws when the port is taken */
  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        const address = this.#server.address();
        this.#port = typeof address === 'object' && address ? address.port : port;
        resolve();
      });
    });
  }

  get port(): number {
    return this.#port;
  }

  /** `take` gets the next connection for this token, once; nothing has been read of what follows the line. */
  expect(token: string, take: (socket: Socket) => void): void {
    this.#expected.set(token, take);
  }

  forget(token: string): void {
    this.#expected.delete(token);
  }

  close(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    let said = '';
    socket.on('error', () => undefined);
    socket.setTimeout(FIRST_LINE_MS, () => socket.destroy());
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1');
      const end = said.indexOf('\n');
      if (end < 0 && said.length <= TOKEN_MAX) return;
      const token = said.slice(0, Math.max(0, end));
      const take = this.#expected.get(token);
      // The source waits for an answer after its line: more is of somebody else.
      if (!take || end + 1 !== said.length) {
        socket.destroy();
        return;
      }
      this.#expected.delete(token);
      socket.setTimeout(0);
      socket.removeAllListeners('data');
      socket.pause();
      take(socket);
    });
  }
}
