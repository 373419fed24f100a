import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import type { RestoreMode } from '../../core/chooseRestore.ts';
import { endProcesses, findByEnvironment } from '../checkpoint/helperProcesses.ts';
import { onLines } from '../onLines.ts';
import { WakeUp } from '../ownership/wakeUp.ts';
import { identityText, type Identity } from '../link/identity.ts';
import type { Freezer } from '../checkpoint/cgroupFreezer.ts';

/** Marks the helper in its environment. Not HELPER_VARIABLE: it serves a running compute, and outlives the worker. */
const PAGER_VARIABLE = 'DRAYAGE_PAGER';
/** Its helper says when that has changed; it is looked at anyway, should the words be lost. Milliseconds. */
const LOOK_MS = 50;

/** A helper that runs has ended long before, whatever it keeps, milliseconds. */
const DISCARD_MS = 5000;

export interface StoreStatus {
  /** `none`: no helper is there. */
  state: 'none' | 'storing' | 'restoring' | 'filling' | 'filled' | 'failed';
  pages: number;
  left: number;
  /** How often one of the two processes was replaced. */
  restarts: number;
  reason: string;
}

/** The pages of one arriving compute: the helper memory-target (device/native) and its directory. */
export class PageStore {
  readonly directory: string;
  readonly restore: RestoreMode;
  /** What its source says first when it connects. */
  readonly token = randomUUID();
  readonly #images = new Map<string, () => void>();
  readonly #arrived = new Set<string>();
  readonly #said = new WakeUp();
  /** All pages are here and are being served. */
  readonly complete: Promise<void>;
  /** Rejects when the pages cannot be filled in any more; never resolves. */
  readonly broken: Promise<never>;
  #break!: (error: Error) => void;
  #complete!: { resolve: () => void; reject: (error: Error) => void };

  constructor(directory: string, restore: RestoreMode) {
    this.directory = directory;
    this.restore = restore;
    this.complete = new Promise((resolve, reject) => (this.#complete = { resolve, reject }));
    this.complete.catch(() => undefined);
    this.broken = new Promise((_, reject) => (this.#break = reject));
    this.broken.catch(() => undefined);
  }

  /** Before the source connects: an empty place for it. */
  async prepare(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    await mkdir(join(this.directory, 'images'), { recursive: true, mode: 0o700 });
  }

  /** Starts the helper on a connection of the source; it answers there, also when it cannot. */
  start(program: string, socket: Socket, { peer, identity }: { peer: string; identity: Identity }): void {
    const { sizes, pem } = identityText(identity);
    const child = spawn(program, [this.directory, peer, ...sizes.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit', socket],
      detached: true,
      env: { PATH: process.env.PATH, [PAGER_VARIABLE]: this.directory },
    });
    // It has the connection for itself now.
    socket.destroy();
    child.unref();
    const { stdin, stdout } = child as unknown as { stdin: Socket; stdout: Socket };
    stdin.on('error', () => undefined);
    stdin.end(pem);
    stdout.unref();
    onLines(stdout, (line) => this.#hear(line));
    stdout.on('error', () => undefined);
    child.once('error', (error) => this.#complete.reject(storeFailed(error.message)));
    stdout.once('close', () => this.#complete.reject(storeFailed('the helper memory-target has ended')));
  }

  /** What the helper says of itself; also after a restart of this worker. */
  async status(): Promise<StoreStatus> {
    const text = await readFile(join(this.directory, 'status'), 'utf8').catch(() => '');
    const [, state, pages, left, restarts, reason] = /^(\w+) (\d+) (\d+) (\d+) (.*?)\s*$/.exec(text) ?? [];
    if (state === undefined) return { state: 'none', pages: 0, left: 0, restarts: 0, reason: '' };
    return {
      state: state as StoreStatus['state'],
      pages: Number(pages),
      left: Number(left),
      restarts: Number(restarts),
      reason: reason === '-' ? '' : (reason ?? ''),
    };
  }

  /** Listens for CRIU in its working directory. */
  async serve(workDir: string): Promise<void> {
    await this.#command(`serve ${workDir}`);
  }

  /** How the compute is frozen should filling fail. */
  async guard({ version, directory }: Freezer): Promise<void> {
    const [file, word] = version === 1 ? ['freezer.state', 'FROZEN'] : ['cgroup.freeze', '1'];
    await this.#command(`guard ${directory}/${file} ${word}`);
  }

  /** Where the compute's memory may be watched from once all of it is there; to be said before `guard`. */
  async watch(socketPath: string): Promise<void> {
    await this.#command(`watch ${socketPath}`);
  }

  /** A failpoint: as long as the file is there, only what the compute asks for is filled in. */
  async hold(file: string): Promise<void> {
    await this.#command(`hold ${file}`);
  }

  /**
   * Resolves when all pages are here, all processes restored, and faults are being served.
   * @throws DrayageError when that cannot be any more
   */
  async serving(): Promise<void> {
    await this.complete;
    for (;;) {
      const said = this.#said.next();
      const { state, reason } = await this.status();
      if (state === 'filling' || state === 'filled') return;
      if (state === 'failed' || state === 'none') throw storeFailed(reason || 'its helper has ended');
      await Promise.race([said, pause(LOOK_MS)]);
    }
  }

  /** Files of pages that come by reference are put there from here on. */
  async placeImagesIn(directory: string): Promise<void> {
    await this.#command(`images ${directory}`);
  }

  /** Resolves when that file is complete. */
  async image(name: string): Promise<void> {
    if (this.#arrived.has(name)) return;
    const arrived = new Promise<void>((resolve) => this.#images.set(name, resolve));
    await Promise.race([arrived, this.complete.then(() => arrived)]);
  }

  /**
   * Ends the helper and drops the pages. Nothing there is no error. Only when no process is left that needs it: one that does
   * not answer, for it stands still, is killed.
   */
  async discard(): Promise<void> {
    const late = new AbortController();
    const silent = pause(DISCARD_MS, 'silent' as const, { signal: late.signal }).catch(() => null);
    const answered = this.#command('discard').catch(() => undefined);
    const first = await Promise.race([answered, silent]);
    late.abort();
    if (first === 'silent') await this.#killHelpers();
    await rm(this.directory, { recursive: true, force: true });
    // The migration's, once its last compute's is gone.
    await rmdir(dirname(this.directory)).catch(() => undefined);
  }

  /** Two that replace each other while they fill in: looked for again until there is none. */
  async #killHelpers(): Promise<void> {
    for (;;) {
      const helpers = findByEnvironment(PAGER_VARIABLE, this.directory);
      if (helpers.length === 0) return;
      await endProcesses(helpers);
    }
  }

  #hear(line: string): void {
    const [word = '', name = ''] = line.split(' ');
    this.#said.wake();
    if (word === 'image') {
      this.#arrived.add(name);
      this.#images.get(name)?.();
    } else if (word === 'final') this.#complete.resolve();
    else if (word === 'error') this.#complete.reject(storeFailed(line.slice('error '.length)));
    else if (word === 'failed')
      void this.status().then(({ reason }) => this.#break(storeFailed(reason || 'its helper has failed')));
    // All that was not here before will never be.
    else if (word === 'ended') this.#complete.reject(storeFailed('the stream of memory has ended'));
  }

  async #command(line: string): Promise<void> {
    const socket = await this.#connect();
    try {
      socket.setEncoding('utf8');
      socket.write(`${line}\n`);
      const [answer] = (await Promise.race([
        once(socket, 'data'),
        once(socket, 'close').then(() => ['the connection ended']),
      ])) as [string];
      if (answer.trim() !== 'ok') throw storeFailed(answer.trim());
    } finally {
      socket.destroy();
    }
  }

  async #connect(): Promise<Socket> {
    const socket = createConnection(join(this.directory, 'control'));
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    return socket;
  }
}

function storeFailed(why: string): DrayageError {
  return new DrayageError({
    code: 'pageStoreFailed',
    message: `The target could not keep the compute's memory: ${why}.`,
    mend: 'The compute was not harmed; try again, and see the log of the target device if it comes back.',
  });
}
