import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Conversation } from './conversation.ts';
import { GapMeter } from './gapMeter.ts';

/** Between two attempts to connect, milliseconds. */
const RETRY_MS = 100;
const RECEIVE_BYTES = 4_096;

/** One TCP connection that is kept, with one conversation on it. A connection that is lost is opened again. */
export class Connection {
  readonly name: string;
  readonly meter = new GapMeter(performance.now());
  /** Answers that came. */
  answers = 0;
  /** How often an established connection ended without our doing. */
  losses = 0;
  readonly #host: string;
  readonly #port: number;
  readonly #conversation: Conversation;
  readonly #onLoss: (reason: string) => void;
  /** One buffer for all that comes: nothing is allocated per answer. */
  readonly #received = Buffer.alloc(RECEIVE_BYTES);
  #socket: Socket | null = null;
  #asked = false;
  #closing = false;
  #answered: (() => void) | null = null;

  constructor(
    name: string,
    host: string,
    port: number,
    conversation: Conversation,
    onLoss: (reason: string) => void,
  ) {
    this.name = name;
    this.#host = host;
    this.#port = port;
    this.#conversation = conversation;
    this.#onLoss = onLoss;
  }

  /** Connects; tries again and again until `signal`. */
  async open(signal?: AbortSignal): Promise<void> {
    while (!this.#closing) {
      signal?.throwIfAborted();
      if (await this.#connect()) return;
      await pause(RETRY_MS);
    }
  }

  /** Asks the next question, unless one is open. */
  tick(): void {
    if (this.#asked || this.#socket === null) return;
    this.#asked = true;
    this.#socket.write(this.#conversation.ask(), 'latin1');
  }

  /** Resolves when no question is open. */
  async idle(): Promise<void> {
    if (this.#asked) await new Promise<void>((resolve) => (this.#answered = resolve));
  }

  /** Asks a question and resolves with its answer. */
  async exchange(): Promise<void> {
    await this.idle();
    this.tick();
    await this.idle();
  }

  close(): void {
    this.#closing = true;
    this.#socket?.destroy();
  }

  /** False when the other side cannot be reached. */
  #connect(): Promise<boolean> {
    return new Promise((resolve) => {
      const callback = (length: number) => (this.#hear(length), true);
      const socket = connect({
        host: this.#host,
        port: this.#port,
        noDelay: true,
        onread: { buffer: this.#received, callback },
      });
      let reason = 'The other side ended it.';
      socket.once('connect', () => {
        this.#socket = socket;
        resolve(true);
      });
      socket.on('error', (error) => (reason = `${error.message}.`));
      socket.once('close', () => {
        resolve(false);
        if (this.#socket === socket) this.#lose(reason);
      });
    });
  }

  #hear(length: number): void {
    const now = performance.now();
    if (!this.#conversation.hear(this.#received, length, now)) return;
    this.meter.answered(now);
    this.answers += 1;
    this.#settle();
  }

  #lose(reason: string): void {
    this.#socket = null;
    if (this.#closing) return;
    this.losses += 1;
    this.#conversation.lost(this.#asked);
    this.#onLoss(reason);
    this.#settle();
    void this.open();
  }

  #settle(): void {
    this.#asked = false;
    this.#answered?.();
    this.#answered = null;
  }
}
