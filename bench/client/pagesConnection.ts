import { connect, type Socket } from 'node:net';
import { GapMeter } from '../../lab/demo/client/gapMeter.ts';

/** An attempt to connect is given up after this, and made again: a lost SYN would else be repeated after 1, 2, 4 s. */
const CONNECT_MS = 300;
/** Between two attempts, milliseconds. */
const RETRY_MS = 50;

/** What a connection tells of its answers; times are those of `performance.now()`. */
export interface Listener {
  answered(askedAt: number, now: number): void;
  wrong(line: string): void;
}

/**
 * One TCP connection to the program `pages` (lab/programs/pages.c) that is kept: one question at a time, each answer
 * checked. One that is lost is opened again until it stands.
 */
export class PagesConnection {
  readonly meter = new GapMeter(performance.now());
  /** How often an established connection ended without our doing. */
  losses = 0;
  readonly #host: string;
  readonly #port: number;
  readonly #listener: Listener;
  #socket: Socket | null = null;
  #sequence = 0;
  #askedAt = -1;
  #received = '';
  #closing = false;
  #command: ((answer: string) => void) | null = null;

  constructor(host: string, port: number, listener: Listener) {
    this.#host = host;
    this.#port = port;
    this.#listener = listener;
  }

  /** Resolves once it stands; tries without end. */
  async open(): Promise<void> {
    while (!this.#closing && !(await this.#connect())) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Asks for a page; false when a question is open or the connection does not stand. */
  ask(): boolean {
    if (this.#askedAt >= 0 || this.#socket === null) return false;
    this.#sequence += 1;
    this.#askedAt = performance.now();
    this.#socket.write(`get ${this.#sequence}\n`, 'latin1');
    return true;
  }

  /** Says another command of the program's, on a connection on which nothing else is said. Resolves with its answer. */
  command(word: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#socket === null) {
        reject(new Error('the connection does not stand'));
        return;
      }
      this.#sequence += 1;
      this.#command = resolve;
      this.#socket.write(`${word} ${this.#sequence}\n`, 'latin1');
    });
  }

  close(): void {
    this.#closing = true;
    this.#socket?.destroy();
  }

  /** False when the other side cannot be reached. */
  #connect(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
      const late = setTimeout(() => socket.destroy(), CONNECT_MS);
      socket.setEncoding('latin1').on('data', (text: string) => this.#hear(text));
      socket.once('connect', () => {
        clearTimeout(late);
        this.#socket = socket;
        resolve(true);
      });
      socket.on('error', () => {});
      socket.once('close', () => {
        clearTimeout(late);
        resolve(false);
        if (this.#socket === socket) this.#lose();
      });
    });
  }

  #lose(): void {
    this.#socket = null;
    this.#askedAt = -1;
    this.#received = '';
    if (this.#closing) return;
    this.losses += 1;
    void this.open();
  }

  #hear(text: string): void {
    this.#received += text;
    for (let end = this.#received.indexOf('\n'); end >= 0; end = this.#received.indexOf('\n')) {
      const line = this.#received.slice(0, end);
      this.#received = this.#received.slice(end + 1);
      this.#take(line);
    }
  }

  #take(line: string): void {
    const now = performance.now();
    if (this.#command !== null) {
      const answer = this.#command;
      this.#command = null;
      answer(line);
      return;
    }
    const askedAt = this.#askedAt;
    this.#askedAt = -1;
    if (askedAt < 0 || !line.startsWith(`${this.#sequence} ok `)) this.#listener.wrong(line);
    this.meter.answered(now);
    this.#listener.answered(askedAt < 0 ? now : askedAt, now);
  }
}
