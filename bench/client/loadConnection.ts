import { connect, type Socket } from 'node:net';
import { GapMeter } from '../../lab/demo/client/gapMeter.ts';
import type { Talk } from './talks/talk.ts';

/** An attempt to connect is given up after this, and made again: a lost SYN would else be repeated after 1, 2, 4 s. */
const CONNECT_MS = 300;
/** Between two attempts, milliseconds. */
const RETRY_MS = 50;

/** What a connection tells of its answers; times are those of `performance.now()`. */
export type OnAnswer = (askedAt: number, now: number) => void;

/** One TCP connection that is kept: one question at a time. One that is lost is opened again until it stands. */
export class LoadConnection {
  readonly meter = new GapMeter(performance.now());
  /** How often an established connection ended without our doing. */
  losses = 0;
  readonly #host: string;
  readonly #port: number;
  readonly #talk: Talk;
  readonly #onAnswer: OnAnswer;
  #socket: Socket | null = null;
  #askedAt = -1;
  #opening: Promise<void> | null = null;
  #closing = false;
  #waiting: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(host: string, port: number, talk: Talk, onAnswer: OnAnswer = () => {}) {
    this.#host = host;
    this.#port = port;
    this.#talk = talk;
    this.#onAnswer = onAnswer;
  }

  /** Resolves once it stands; tries without end. */
  open(): Promise<void> {
    this.#opening ??= this.#tryAgainAndAgain().finally(() => (this.#opening = null));
    return this.#opening;
  }

  /** Asks the next question; false when one is open or the connection does not stand. */
  ask(): boolean {
    if (this.#askedAt >= 0 || this.#socket === null) return false;
    this.#askedAt = performance.now();
    this.#socket.write(this.#talk.ask(), 'latin1');
    return true;
  }

  /** Asks the next question and resolves with its answer. @throws Error when the connection is not there, or lost */
  async exchange(): Promise<void> {
    if (!this.ask()) throw new Error('the connection does not stand');
    await new Promise<void>((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  close(): void {
    this.#closing = true;
    this.#socket?.destroy();
  }

  async #tryAgainAndAgain(): Promise<void> {
    while (this.#socket === null && !this.#closing && !(await this.#connect())) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** False when the other side cannot be reached. */
  #connect(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
      const late = setTimeout(() => socket.destroy(), CONNECT_MS);
      socket.on('data', (bytes: Buffer) => this.#hear(bytes));
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
    const asked = this.#askedAt >= 0;
    this.#socket = null;
    this.#askedAt = -1;
    this.#talk.lost(asked);
    this.#waiting?.reject(new Error('the connection was lost'));
    this.#waiting = null;
    if (this.#closing) return;
    this.losses += 1;
    void this.open();
  }

  #hear(bytes: Buffer): void {
    const now = performance.now();
    if (!this.#talk.hear(bytes, bytes.length, now)) return;
    const askedAt = this.#askedAt;
    this.#askedAt = -1;
    this.meter.answered(now);
    this.#onAnswer(askedAt < 0 ? now : askedAt, now);
    this.#waiting?.resolve();
    this.#waiting = null;
  }
}
