import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Container } from 'dockerode';
import { findFreezer, pidsOf } from '../checkpoint/cgroupFreezer.ts';
import { descends, endProcesses, parentsOf } from '../checkpoint/foreignProcesses.ts';
import { Demultiplexer } from './multiplexed.ts';
import type { ExecSession, LogChunk } from './types.ts';

/** Between asking for the exit code of a program whose output has ended; it is almost always there at once. Milliseconds. */
const EXIT_POLL_MS = 20;
const EXIT_POLLS = 250;

/** Starts a program in a running container. */
export async function openExec(
  container: Container,
  command: string[],
  options: { tty: boolean; stdin: boolean },
): Promise<ExecSession> {
  const exec = await container.exec({
    Cmd: command,
    AttachStdin: options.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: options.tty,
  });
  const stream = await exec.start({ hijack: true, stdin: options.stdin, Tty: options.tty });
  return new DockerExec(exec, stream, options.tty, container.id);
}

type Exec = Awaited<ReturnType<Container['exec']>>;

class DockerExec implements ExecSession {
  readonly done: Promise<number>;
  readonly #exec: Exec;
  readonly #stream: Duplex;
  readonly #containerId: string;

  readonly #demultiplexer: Demultiplexer | null;
  /** Nothing is read before somebody listens. */
  #listening = false;

  constructor(exec: Exec, stream: Duplex, tty: boolean, containerId: string) {
    this.#exec = exec;
    this.#stream = stream;
    this.#containerId = containerId;
    this.#demultiplexer = tty ? null : new Demultiplexer();
    stream.on('error', () => {});
    this.done = new Promise((resolve, reject) => {
      const settle = (): void => void this.#exitCode().then(resolve, reject);
      stream.once('end', settle);
      stream.once('close', settle);
    });
    this.done.catch(() => {});
  }

  write(data: Buffer): void {
    if (this.#stream.writable) this.#stream.write(data);
  }

  closeStdin(): void {
    this.#stream.end();
  }

  onOutput(listener: (chunk: LogChunk) => void): void {
    this.#stream.on('data', (bytes: Buffer) => {
      if (!this.#demultiplexer) return listener({ stream: 'stdout', data: bytes });
      for (const chunk of this.#demultiplexer.take(bytes)) listener(chunk);
    });
    this.#listening = true;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (this.#listening) this.#stream.resume();
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#exec.resize({ w: columns, h: rows });
  }

  async kill(): Promise<void> {
    this.#stream.destroy();
    const pid = await this.#pid();
    if (pid !== null) endProcesses([pid]);
  }

  async end(): Promise<void> {
    const pid = await this.#pid();
    // Of a program that has ended meanwhile there is no cgroup any more.
    const freezer = pid === null ? null : await findFreezer(pid).catch(() => null);
    if (pid !== null && freezer) {
      const parents = await parentsOf(await pidsOf(freezer));
      endProcesses([...parents.keys()].filter((one) => descends(parents, one, pid)));
    }
    this.#stream.destroy();
    await this.done.catch(() => undefined);
  }

  /** The program's pid on this device, once it has one; null when it has ended. The engine has no call to end one. */
  async #pid(): Promise<number | null> {
    // The engine answers before the program has been started.
    for (let poll = 0; poll < EXIT_POLLS; poll += 1) {
      const { Running, Pid, ExitCode } = await this.#exec.inspect();
      if (!Running && ExitCode !== null) return null;
      if (Running && Pid > 0 && (await this.#isOurs(Pid))) return Pid;
      await new Promise((resolve) => setTimeout(resolve, EXIT_POLL_MS));
    }
    return null;
  }

  /** A pid may have been given to another process meanwhile. */
  async #isOurs(pid: number): Promise<boolean> {
    const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    return cgroup.includes(this.#containerId);
  }

  async #exitCode(): Promise<number> {
    for (let poll = 0; poll < EXIT_POLLS; poll += 1) {
      const { Running, ExitCode } = await this.#exec.inspect();
      if (!Running && ExitCode !== null) return ExitCode;
      await new Promise((resolve) => setTimeout(resolve, EXIT_POLL_MS));
    }
    throw new Error('the program goes on without its output');
  }
}
