import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { TestLab } from '../support.ts';

const PROGRAM = fileURLToPath(new URL('askPages.ts', import.meta.url));

const windowSchema = z.object({ requests: z.number(), wrong: z.number(), gapMs: z.number() });
export type PagesWindow = z.infer<typeof windowSchema>;
const saidSchema = z.union([
  z.object({ answer: z.array(z.string()) }),
  z.object({ lost: z.string() }),
  windowSchema,
]);

/** Talks to a compute that runs `pages` over two connections that must never end. */
export class PagesClient {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #waiting: { resolve: (said: z.infer<typeof saidSchema>) => void; reject: (error: Error) => void }[] = [];
  /** Names of connections that have ended. */
  readonly lost: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('the client needs pipes');
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    child.stdin?.on('error', () => undefined);
    this.#closed = new Promise((resolve) => child.once('close', () => resolve()));
    void this.#closed.then(() => this.#fail('the client has ended'));
  }

  static async start(lab: TestLab, host: string): Promise<PagesClient> {
    return new PagesClient(await lab.spawnOnClient([process.execPath, '--no-warnings', PROGRAM, host]));
  }

  /** Pages that do not hold what they have to; the program looks at all of them. */
  async wrongPages(): Promise<number> {
    return Number((await this.#ask('all'))[0]);
  }

  /** Zeroes a page, on purpose. */
  async spoil(): Promise<void> {
    await this.#ask('spoil');
  }

  /** Takes 16 MB more memory, full of what the compute had nowhere. */
  async grow(): Promise<void> {
    await this.#ask('grow');
  }

  /** Pages written anew since the program has begun. */
  async writes(): Promise<number> {
    return Number((await this.#ask('stat'))[2]);
  }

  /** Ends a window of asking for random pages, and resolves with what was seen in it. */
  async mark(): Promise<PagesWindow> {
    const said = await this.#tell('mark');
    if (!('requests' in said)) throw new Error('an answer to something else');
    return said;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  async #ask(question: string): Promise<string[]> {
    const said = await this.#tell(question);
    if (!('answer' in said)) throw new Error('an answer to something else');
    return said.answer;
  }

  #tell(line: string): Promise<z.infer<typeof saidSchema>> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.lost.length > 0) reject(new Error('a connection was lost'));
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(`${line}\n`);
    });
  }

  #take(line: string): void {
    const said = saidSchema.parse(JSON.parse(line));
    if ('lost' in said) {
      this.lost.push(said.lost);
      this.#fail(`the connection for ${said.lost} was lost`);
    } else this.#waiting.shift()?.resolve(said);
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason));
  }
}
