import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../../core/cause.ts';
import { followClient } from '../clientProgram.ts';
import { onClient } from '../deviceProcess.ts';
import type { Lab } from '../state.ts';
import { clientReportSchema, type ClientEnd, type ClientReport, type ClientWindow } from './client/report.ts';

const PROGRAM = fileURLToPath(new URL('client/main.ts', import.meta.url));

export interface ClientOptions {
  /** Address of the sample application. */
  host: string;
  /** TCP connections, beside one of HTTP. @default 4 */
  lines?: number;
  /** Between two questions of one connection, milliseconds. @default 5 */
  intervalMs?: number;
  /** Each wrong answer and lost connection (the first of them), as a sentence. */
  onProblem?: (message: string) => void;
}

type Last<T extends ClientReport['type']> = Extract<ClientReport, { type: T }>;

/** The client program on the lab's client host, talking to the sample application. */
export class DemoClient {
  readonly #child: ChildProcess;
  readonly #onProblem: (message: string) => void;
  readonly #closed: Promise<void>;
  #waiting: {
    type: ClientReport['type'];
    resolve: (report: never) => void;
    reject: (error: Error) => void;
  }[] = [];

  private constructor(child: ChildProcess, onProblem: (message: string) => void) {
    this.#child = child;
    this.#onProblem = onProblem;
    this.#closed = followClient(
      child,
      (line) => this.#take(line),
      (reason) => this.#fail(reason),
    );
  }

  /** Resolves once all connections stand and talk. */
  static async start(
    lab: Lab,
    { host, lines = 4, intervalMs = 5, onProblem }: ClientOptions,
  ): Promise<DemoClient> {
    const options = ['--host', host, '--lines', String(lines), '--interval', String(intervalMs)];
    const [file, ...args] = await onClient(lab, [process.execPath, '--no-warnings', PROGRAM, ...options]);
    const client = new DemoClient(spawn(file, args, { stdio: 'pipe' }), onProblem ?? (() => {}));
    await client.#next('ready');
    return client;
  }

  /** Ends a window, and resolves with what was seen in it. */
  async mark(name: string): Promise<ClientWindow> {
    return this.#tell(`mark ${name}`, 'window');
  }

  /** Resolves with the totals, after the last check; the client is gone then. */
  async end(): Promise<ClientEnd> {
    const totals = await this.#tell('end', 'end');
    await this.#closed;
    return totals;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #tell<T extends ClientReport['type']>(line: string, type: T): Promise<Last<T>> {
    const answer = this.#next(type);
    this.#child.stdin?.write(`${line}\n`);
    return answer;
  }

  #next<T extends ClientReport['type']>(type: T): Promise<Last<T>> {
    return new Promise<Last<T>>((resolve, reject) => {
      if (this.#child.exitCode !== null) reject(clientFailed('It has ended.'));
      else this.#waiting.push({ type, resolve, reject });
    });
  }

  #take(line: string): void {
    const report = parseReport(line);
    if (report === null) {
      this.#fail(`It said: ${line.slice(0, 200)}`);
      return;
    }
    if (report.type === 'problem') this.#onProblem(`${report.connection}: ${report.message}`);
    if (this.#waiting[0]?.type === report.type) this.#waiting.shift()?.resolve(report as never);
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(clientFailed(reason));
  }
}

function parseReport(line: string): ClientReport | null {
  try {
    return clientReportSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function clientFailed(reason: string): DrayageError {
  return new DrayageError({
    code: 'clientFailed',
    message: `The client program failed: ${reason}`,
    mend: 'Look whether the sample application runs, and whether the client host reaches its device.',
  });
}
