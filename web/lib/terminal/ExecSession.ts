import { z } from 'zod';
import { type Cause, causeSchema } from '../../../core/cause.ts';

/** First byte of each binary message: what it is. */
const STDIN = 0;

const saidSchema = z.object({ exit: z.number().int().optional(), error: causeSchema.optional() });

/** How a command ended: with its exit code, or cut off. */
export type ExecEnd = { exit: number } | { cause: Cause };

export interface ExecOptions {
  /** Path and query of the API's exec. */
  path: string;
  command: readonly string[];
  size: { columns: number; rows: number };
  onStart: () => void;
  onOutput: (bytes: Uint8Array) => void;
  onEnd: (end: ExecEnd) => void;
}

/** A command that runs in a compute, with a terminal. */
export class ExecSession {
  readonly #socket: WebSocket;
  #closed = false;

  constructor({ path, command, size, onStart, onOutput, onEnd }: ExecOptions) {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${path}`);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    let end: ExecEnd | null = null;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      socket.send(JSON.stringify({ command, tty: true, stdin: true }));
      this.resize(size);
      onStart();
    };
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (typeof data !== 'string') return onOutput(new Uint8Array(data).subarray(1));
      const { exit, error } = saidSchema.parse(JSON.parse(data));
      if (exit !== undefined) end = { exit };
      else if (error) end = { cause: error };
    };
    socket.onclose = ({ code, reason }) => {
      if (!this.#closed) onEnd(end ?? { cause: causeOfClose(opened, code, reason) });
    };
  }

  /** What was typed. */
  write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    const message = new Uint8Array(bytes.length + 1);
    message[0] = STDIN;
    message.set(bytes, 1);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  resize({ columns, rows }: { columns: number; rows: number }): void {
    if (this.#socket.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ resize: { columns, rows } }));
  }

  /** Ends it; nothing more is told of it. */
  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}

/** 1012 is said when a move ends what runs in a compute. */
const RESTART = 1012;

function causeOfClose(opened: boolean, code: number, reason: string): Cause {
  if (!opened)
    return {
      code: 'execRefused',
      message: 'The compute could not be reached.',
      mend: 'Look whether it runs and whether its device answers; then connect again.',
    };
  const message = reason === '' ? 'The connection ended before the command did.' : reason;
  const mend =
    code === RESTART
      ? 'Connect again when the move has ended.'
      : 'Connect again; if the compute was moved, it is on its new device.';
  return { code: 'execEnded', message, mend };
}
