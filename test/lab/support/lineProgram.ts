import type { ChildProcess } from 'node:child_process';
import { followClient } from '../../../lab/clientProgram.ts';

/** A program on the client host that is spoken with in lines. */
export class LineProgram {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #ended: Error | null = null;
  readonly #gone: Promise<void>;

  constructor(child: ChildProcess) {
    this.#child = child;
    const take = (line: string) => {
      const next = this.#waiting.shift();
      if (next) next.resolve(line);
      else this.#lines.push(line);
    };
    this.#gone = followClient(child, take, (reason) => {
      this.#ended = new Error(reason);
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    });
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Its next line. @throws when it has ended without one */
  next(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
  }
}
