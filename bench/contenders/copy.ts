import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { DrayageError } from '../../core/cause.ts';
import { CHECKOUT_ON_DEVICE, onDevice } from '../../lab/deviceProcess.ts';
import type { Lab } from '../../lab/state.ts';

const NODE = `${CHECKOUT_ON_DEVICE}/node_modules/node/bin/node`;
const PROGRAM = `${CHECKOUT_ON_DEVICE}/bench/onDevice/copy.ts`;
const PORT = '9999';
/** How the copies are found among the lab's processes. */
const PART = 'bench';

/** What two devices need for a copy, started and waiting, so that only the copy itself is measured. */
export interface ReadyCopy {
  /** Copies; resolves once the target's command has ended well. */
  go(): Promise<void>;
  /** Ends both sides, whatever they do. */
  end(): Promise<void>;
}

/**
 * Prepares a copy from the first device to the second over plain TCP, which is the quickest that a procedure by hand could
 * have. `read` writes the bytes to its output on the source, `write` takes them from its input on the target.
 */
export async function prepareCopy(lab: Lab, read: string[], write: string[]): Promise<ReadyCopy> {
  const [source = '', target = ''] = lab.devices;
  const receiver = await Side.start(lab, target, ['receive', PORT, ...write]);
  const sender = await Side.start(lab, source, ['send', lab.addresses.device(target), PORT, ...read]);
  return {
    go: async () => {
      sender.child.stdin?.write('go\n');
      await Promise.all([sender.said('done'), receiver.said('done')]);
    },
    end: async () => {
      await Promise.all([sender.end(), receiver.end()]);
    },
  };
}

/** One side's program (bench/onDevice/copy.ts). */
class Side {
  readonly child: ChildProcess;
  readonly #lines: Interface;
  readonly #closed: Promise<unknown>;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.child = child;
    if (child.stdout === null) throw new Error('a copy needs pipes');
    this.#lines = createInterface({ input: child.stdout });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    child.stdin?.on('error', () => {});
    this.#closed = once(child, 'close');
  }

  static async start(lab: Lab, device: string, words: string[]): Promise<Side> {
    const [file, ...args] = await onDevice(lab, device, PART, [NODE, '--no-warnings', PROGRAM, ...words]);
    const side = new Side(spawn(file, args, { stdio: 'pipe' }));
    await side.said('ready');
    return side;
  }

  async said(word: string): Promise<void> {
    const said = once(this.#lines, 'line').then(([line]) => line === word);
    if (await Promise.race([said, this.#closed.then(() => false)])) return;
    throw new DrayageError({
      code: 'copyFailed',
      message: `The copy between the devices failed: ${this.#stderr.trim().slice(-600)}`,
      mend: 'Look whether both devices are up and joined by their link.',
    });
  }

  async end(): Promise<void> {
    this.child.stdin?.end();
    await this.#closed;
  }
}
