import { spawn, type ChildProcess } from 'node:child_process';
import { readSync } from 'node:fs';
import { link, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HELPER_VARIABLE } from '../network/batchTool.ts';

const run = promisify(execFile);

/** CRIU writes hundreds of lines; an event for each would cost more than looking now and then. Milliseconds. */
const LOOK_MS = 2;

/** CRIU calls it an error and goes on. */
const HARMLESS = /RLIMIT_NOFILE/;

/**
 * CRIU's log as a gate. The log file is a named pipe: CRIU, already started with its request parsed, waits in the pipe's
 * `open` until somebody reads. `go` makes a shell, started before too, become `cat` from the pipe into a plain file; CRIU goes
 * on at once. So neither runc nor CRIU is started while the compute is frozen, and the reader outlives this process:
 * a worker that is killed in the middle of a dump does not take CRIU with it (SIGPIPE, parasite code left in the compute).
 */
export class GatedLog {
  /** The plain file the log ends up in. */
  readonly file: string;
  readonly #pipe: string;
  readonly #shell: ChildProcess;
  readonly #drained: Promise<void>;
  #reader: FileHandle | null = null;
  readonly #buffer = Buffer.allocUnsafe(64 * 1024);
  #text = '';
  /** Where the line begins that was not whole when the log was looked at last. */
  #looked = 0;
  #replaced: Promise<void> | null = null;

  private constructor(pipe: string, file: string, shell: ChildProcess) {
    this.#pipe = pipe;
    this.file = file;
    this.#shell = shell;
    this.#drained = new Promise((resolve) => {
      shell.once('exit', () => resolve());
      shell.once('error', () => resolve());
    });
  }

  /** Makes the pipe and its waiting reader. `pipe` is the name CRIU opens. */
  static async create(pipe: string): Promise<GatedLog> {
    const file = `${pipe}.txt`;
    await rm(pipe, { force: true });
    await rm(file, { force: true });
    await run('mkfifo', ['-m', '600', pipe]);
    await (await open(file, 'a', 0o600)).close();
    const shell = spawn('sh', ['-c', 'read -r _ && exec cat <"$1" >>"$2"', 'gate', pipe, file], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: { ...process.env, [HELPER_VARIABLE]: 'gate' },
    });
    shell.stdin?.on('error', () => undefined);
    return new GatedLog(pipe, file, shell);
  }

  /** Opens the gate. */
  go(): void {
    this.#shell.stdin?.end('go\n');
    this.#replaced ??= this.#drained.then(() => this.#replacePipe()).catch(() => undefined);
  }

  /** Resolves with the line that matches; rejects when `ended` settles first without one. */
  async line(pattern: RegExp, ended: Promise<unknown>): Promise<string> {
    this.#reader ??= await open(this.file, 'r');
    const writer = { over: false };
    // What was written last is still on its way through the pipe when the writer has ended: the reader's end counts.
    void ended
      .catch(() => undefined)
      .then(() => this.#drained)
      .then(() => (writer.over = true));
    for (;;) {
      const { over } = writer;
      const found = this.#newLines().find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (over) throw new Error(`the log ended without ${String(pattern)}: ${this.lastErrors()}`);
      await pause(LOOK_MS);
    }
  }

  /** CRIU's own words: the last lines that say Error, without their time stamps. */
  lastErrors(): string {
    const lines = this.#text.split('\n').filter((line) => /Error/.test(line) && !HARMLESS.test(line));
    return lines
      .slice(-3)
      .map((line) => line.replace(/^\(\d+\.\d+\)\s*/, '').trim())
      .join('; ');
  }

  /** Reads what is there and returns lastErrors. */
  async errors(): Promise<string> {
    this.#text = await readFile(this.file, 'utf8').catch(() => this.#text);
    return this.lastErrors();
  }

  /** Ends the waiting reader, closes what is open. */
  async close(): Promise<void> {
    await this.#reader?.close().catch(() => undefined);
    this.#reader = null;
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) {
      this.#shell.kill('SIGKILL');
      await this.#drained;
    }
    await this.#replaced;
    await rm(this.#pipe, { force: true });
  }

  /**
   * After a failure runc looks into CRIU's log, and would wait without end in the pipe's `open`, for nobody writes any more:
   * it gets the plain file instead; one that waits already is woken by a writer that says nothing.
   */
  async #replacePipe(): Promise<void> {
    const aside = `${this.#pipe}.pipe`;
    await rename(this.#pipe, aside);
    await link(this.file, this.#pipe);
    const writer = await open(aside, 'r+');
    await writer.close();
    await rm(aside);
  }

  /**
   * The lines that have come since the last look; the last may be the begin of one, and comes again. The file is in memory:
   * to read it at once takes less of a processor that the freeze waits for than to have a thread read it.
   */
  #newLines(): string[] {
    if (this.#reader === null) return [];
    for (;;) {
      const length = readSync(this.#reader.fd, this.#buffer);
      if (length === 0) break;
      this.#text += this.#buffer.toString('utf8', 0, length);
    }
    const lines = this.#text.slice(this.#looked).split('\n');
    this.#looked = this.#text.length - (lines.at(-1)?.length ?? 0);
    return lines;
  }
}
