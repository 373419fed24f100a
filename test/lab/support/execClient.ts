import { WebSocket } from 'ws';
import { until } from '../../../core/until.ts';
import { apiUrl } from '../../../lab/control.ts';
import { SOON_MS } from '../labFaults.ts';
import type { TestLab } from '../support.ts';

export interface ExecEnd {
  code: number;
  reason: string;
  /** What the server said beside the output: the exit code, or an error. */
  said: unknown[];
}

/** A program in a compute, run through the API's WebSocket. */
export class ExecClient {
  readonly ended: Promise<ExecEnd>;
  readonly #socket: WebSocket;
  #output = '';

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const said: unknown[] = [];
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#output += data.subarray(1).toString('utf8');
      else said.push(JSON.parse(data.toString('utf8')));
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) =>
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString(), said })),
    );
  }

  static async start(lab: TestLab, compute: string, command: string[], tty: boolean): Promise<ExecClient> {
    const { token } = await lab.api();
    const url = `${apiUrl(lab.lab).replace(/^http/, 'ws')}/api/v1/computes/${compute}/exec`;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    const client = new ExecClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.send(JSON.stringify({ command, tty, stdin: true }));
    return client;
  }

  type(text: string): void {
    this.#socket.send(Buffer.concat([Buffer.of(0), Buffer.from(text)]));
  }

  resize(columns: number, rows: number): void {
    this.#socket.send(JSON.stringify({ resize: { columns, rows } }));
  }

  /** Resolves once the program has written the text. */
  async says(text: string): Promise<void> {
    await until(`the program to say ${text}`, SOON_MS, () => this.#output.includes(text));
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  close(): void {
    this.#socket.terminate();
  }
}
