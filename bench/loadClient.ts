import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DrayageError } from '../core/cause.ts';
import { followClient } from '../lab/clientProgram.ts';
import { onClient } from '../lab/deviceProcess.ts';
import type { Lab } from '../lab/state.ts';
import { loadReportSchema, type LoadReport, type LoadWindow, type WorkSample } from './client/report.ts';
import { onCore } from './cores.ts';
import type { Workload } from './workloads.ts';

const PROGRAM = fileURLToPath(new URL('client/main.ts', import.meta.url));
const CONNECTIONS = 16;
/** Of Node's heap for the client, MB: few collections of garbage, which the gap would count. */
const YOUNG_HEAP_MB = 64;

type Report<T extends LoadReport['type']> = Extract<LoadReport, { type: T }>;

/** Longer than any command takes on a busy machine: filling of a database, a look at every page of a gigabyte. */
const ANSWER_MS = 120_000;

/** The load client (bench/client) on the lab's client host. Commands go one after the other. */
export class LoadClient {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #waiting: { resolve: (report: LoadReport) => void; reject: (error: Error) => void } | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = followClient(
      child,
      (line) => this.#take(line),
      (reason) => this.#fail(reason),
    );
  }

  /** Resolves once the workload is ready and all connections stand. `core`: that it is bound to; null for any. */
  static async start(
    lab: Lab,
    host: string,
    { port, speaks }: Pick<Workload, 'port' | 'speaks'>,
    core: number | null,
  ): Promise<LoadClient> {
    const options = ['--host', host, '--port', String(port), '--connections', String(CONNECTIONS)];
    options.push('--service', speaks);
    const node = [process.execPath, '--no-warnings', `--max-semi-space-size=${YOUNG_HEAP_MB}`];
    const [file, ...args] = await onClient(lab, onCore(core, [...node, PROGRAM, ...options]));
    // Out of this process's group: a terminal's Ctrl-C must not end it in the middle of a move.
    const client = new LoadClient(spawn(file, args, { stdio: 'pipe', detached: true }));
    try {
      await client.#next('ready');
    } catch (error) {
      await client.kill();
      throw error;
    }
    return client;
  }

  /** Answers a second that the connections carry at most. */
  async saturate(ms: number): Promise<number> {
    return (await this.#tell(`saturate ${ms}`, 'saturated')).requestsPerSecond;
  }

  async setRate(perSecond: number): Promise<void> {
    await this.#tell(`rate ${perSecond}`, 'rate');
  }

  /** Ends a window, and resolves with what was seen in it. */
  mark(): Promise<LoadWindow> {
    return this.#tell('mark', 'window');
  }

  /** Has every page checked, and thereby touched; resolves with how many are wrong. */
  async checkAll(): Promise<number> {
    return (await this.#tell('all', 'all')).wrongPages;
  }

  async beginWork(): Promise<void> {
    await this.#tell('work on', 'worked');
  }

  async endWork(): Promise<WorkSample[]> {
    return (await this.#tell('work off', 'worked')).samples;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #tell<T extends LoadReport['type']>(line: string, type: T): Promise<Report<T>> {
    this.#child.stdin?.write(`${line}\n`);
    return this.#next(type);
  }

  async #next<T extends LoadReport['type']>(type: T): Promise<Report<T>> {
    const silent = () => this.#fail(`It said nothing for ${ANSWER_MS / 1_000} s.`);
    const timer = setTimeout(silent, ANSWER_MS);
    const report = await new Promise<LoadReport>((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        reject(clientFailed('It has ended.'));
      else this.#waiting = { resolve, reject };
    }).finally(() => clearTimeout(timer));
    if (report.type === type) return report as Report<T>;
    throw clientFailed(report.type === 'failed' ? report.message : `It said ${report.type}.`);
  }

  #take(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    const report = loadReportSchema.safeParse(JSON.parse(line));
    if (report.success) waiting?.resolve(report.data);
    else waiting?.reject(clientFailed(`It said: ${line.slice(0, 200)}`));
  }

  #fail(reason: string): void {
    this.#waiting?.reject(clientFailed(reason));
    this.#waiting = null;
  }
}

function clientFailed(reason: string): DrayageError {
  return new DrayageError({
    code: 'clientFailed',
    message: `The load client failed: ${reason}`,
    mend: 'Look whether the program runs, and whether the client host reaches its device.',
  });
}
