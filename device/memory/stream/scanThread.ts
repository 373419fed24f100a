import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { FromScan, ToScan } from '../scan/scanWorker.ts';
import { FrameSender } from './frameSender.ts';
import { PageConnection } from './pageConnection.ts';
import type { PageDestination, Scanner } from './scanner.ts';

/** Bytes of records that wait here for the link. */
const BUFFERED = 1024 * 1024;

/** A thread of this process that scans, for a device without the helper: in TypeScript, by content alone. */
export function startScanThread(cgroupProcs: string): Scanner {
  return new ScanThread(cgroupProcs);
}

class ScanThread implements Scanner {
  readonly records: Readable;
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  #hear: (said: object) => void = () => undefined;
  #connection: PageConnection | null = null;
  #frames: FrameSender | null = null;
  /** Bytes that were taken and the thread does not know of. */
  #notTold = 0;

  constructor(cgroupProcs: string) {
    this.#worker = new Worker(new URL('../scan/scanWorker.ts', import.meta.url), {
      workerData: { cgroupProcs },
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.records = new Readable({ highWaterMark: BUFFERED, read: () => this.#more() });
    this.ended = new Promise<string>((resolve) => {
      this.#worker.once('error', (error) => resolve((error as Error).message));
      this.#worker.once('exit', () => resolve('the thread that scans ended'));
    });
    void this.ended.then(() => this.records.push(null));
    this.#worker.on('message', (message: FromScan) => this.#take(message));
  }

  onSaid(hear: (said: object) => void): void {
    this.#hear = hear;
  }

  connect(destination: PageDestination): void {
    PageConnection.open(destination, (line) => this.#heard(line)).then(
      (connection) => {
        this.#connection = connection;
        this.#frames = new FrameSender(connection.socket, destination, (tried) => this.#hear({ tried }));
        this.#frames.run(this.records).catch((error: unknown) => this.#lost(error));
        void connection.closed.then(() => this.#lost('the target closed the connection'));
        this.#hear({ connected: true });
      },
      (error: unknown) => this.#hear({ error: 'peerUnreachable', message: String(error) }),
    );
  }

  command(command: string): void {
    const level = /^compress (\d+)$/.exec(command)?.[1];
    if (level !== undefined) this.#frames?.compress(Number(level));
    else {
      if (/^(round|final) /.test(command)) this.#frames?.pace(paceOf(command));
      this.#tell({ command });
    }
  }

  async close(): Promise<void> {
    this.#hear = () => undefined;
    this.#connection?.close();
    this.records.destroy();
    await this.#worker.terminate();
  }

  #take(message: FromScan): void {
    if ('records' in message) {
      this.#notTold += message.records.length;
      this.records.push(message.records);
      return;
    }
    const wire = this.#frames?.wireBytes ?? 0;
    const [[word, detail] = ['', null]] = Object.entries(message.said);
    const figures = word === 'progress' || word === 'done';
    this.#hear(figures ? { [word]: { ...(detail as object), wire } } : message.said);
  }

  #more(): void {
    if (this.#notTold > 0) this.#tell({ taken: this.#notTold });
    this.#notTold = 0;
  }

  #heard(line: string): void {
    const [, refused, message] = /^error (\w+) (.*)$/.exec(line) ?? [];
    if (refused !== undefined) this.#hear({ refused, message });
    else this.#hear({ answer: line, wire: this.#frames?.wireBytes ?? 0 });
  }

  #lost(why: unknown): void {
    this.#hear({ error: 'linkLost', message: why instanceof Error ? why.message : String(why) });
  }

  #tell(message: ToScan): void {
    this.#worker.postMessage(message);
  }
}

/** A round's, bytes a second; a final pass has none. */
function paceOf(command: string): number | null {
  const pace = Number(/^round \d+ \d+ (\d+)$/.exec(command)?.[1] ?? 0);
  return pace > 0 ? pace : null;
}
