import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onClient } from '../lab/deviceProcess.ts';
import type { Lab } from '../lab/state.ts';
import { onCore } from './cores.ts';

const LAST_WORDS = 300;

/** A program on the lab's client host that loads a workload without end, beside the client that measures. */
export class BackgroundLoad {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #words = '';
  #over = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-LAST_WORDS);
    });
    this.#closed = once(child, 'close').finally(() => (this.#over = true));
    this.#closed.catch(() => {});
  }

  /** `core`: that it is bound to; null for any. */
  static async start(lab: Lab, command: string[], core: number | null): Promise<BackgroundLoad> {
    const [file, ...args] = await onClient(lab, onCore(core, command));
    // Out of this process's group, as the load client is.
    return new BackgroundLoad(spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true }));
  }

  /** Why it has ended, which it does when it loses a connection; null as long as it runs. */
  get failure(): string | null {
    return this.#over ? `the load beside the client has ended: ${this.#words.trim()}` : null;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
