import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { thawCommand, type Freezer } from './cgroupFreezer.ts';

/**
 * Reads words from the worker. When that ends without the last one, $2 is written into $3; when it has said `dumping`, only
 * after the program $1 has ended: a dump that has begun must not be disturbed, and leaves the processes frozen.
 */
const SCRIPT = `word=gone
read -r word
if [ "$word" = dumping ]; then
  word=gone
  read -r word
  [ "$word" = thawed ] && exit
  while state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]; do sleep 0.05; done
fi
[ "$word" = thawed ] || printf %s "$2" >"$3"`;

/** Lets the processes of a cgroup run on should this worker end while they are frozen. It outlives the worker. */
export class ThawGuard {
  readonly #shell: ChildProcess;

  private constructor(shell: ChildProcess) {
    this.#shell = shell;
  }

  /** @param dumpPid of the program that dumps them */
  static async start(freezer: Freezer, dumpPid: number): Promise<ThawGuard> {
    const { word, file } = thawCommand(freezer);
    const shell = spawn('sh', ['-c', SCRIPT, 'thaw-guard', String(dumpPid), word, file], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    shell.stdin?.on('error', () => undefined);
    await once(shell, 'spawn');
    return new ThawGuard(shell);
  }

  /** The dump is about to begin. */
  dumping(): void {
    this.#shell.stdin?.write('dumping\n');
  }

  /** They were thawed: nothing is left to do. */
  dismiss(): void {
    this.#shell.stdin?.end('thawed\n');
    this.#shell.unref();
  }
}
