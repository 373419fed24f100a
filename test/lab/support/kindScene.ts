import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { z } from 'zod';
import { DrayageError } from '../../../core/cause.ts';
import type { Migration } from '../../../core/migration.ts';
import { until } from '../../../core/until.ts';
import { createSampleCompute, moveCompute } from '../../../lab/demo/sampleCompute.ts';
import type { TestLab } from '../support.ts';

const ANSWER_MS = 30_000;
const REMOVAL_MS = 60_000;

/** What a kind says of itself: the number of rounds that were right, or what is wrong. See lab/programs/kinds/main.c. */
export type KindAnswer = { iterations: number } | { wrong: string };

const answerSchema = z.union([
  z
    .string()
    .regex(/^ok \d+$/)
    .transform((text) => ({ iterations: Number(text.slice(3)) })),
  z
    .string()
    .startsWith('WRONG: ')
    .transform((text) => ({ wrong: text.slice(7) })),
]);

/** One compute that checks one kind of memory or kernel object for ever, and one connection to it. It starts on d1. */
export class KindScene {
  readonly kind: string;
  readonly #lab: TestLab;
  readonly #id: string;
  readonly #client: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<[string]>;
  #asked = 0;

  private constructor(lab: TestLab, kind: string, id: string, client: ChildProcess) {
    this.#lab = lab;
    this.kind = kind;
    this.#id = id;
    this.#client = client;
    this.#ended = once(client, 'exit').then(() => ['it has ended'] as [string]);
    this.#lines = createInterface({ input: client.stdout as NodeJS.ReadableStream });
  }

  /** `image` holds the kinds. @throws DrayageError when the compute does not come to run */
  static async create(lab: TestLab, image: string, kind: string, more: object = {}): Promise<KindScene> {
    const { id, ip } = await createSampleCompute(await lab.api(), {
      ...{ name: `kind-${kind}`, image, device: 'd1', command: ['/bin/kinds', kind] },
      ...more,
    });
    // Its input and output are the connection's, and it ends with the connection.
    return new KindScene(lab, kind, id, await lab.spawnOnClient(['busybox', 'nc', ip, '7000']));
  }

  /** Asks over the one connection. @throws DrayageError when it is lost or silent */
  async ask(verb: 'stat' | 'spoil' = 'stat'): Promise<KindAnswer> {
    this.#asked += 1;
    const answered = once(this.#lines, 'line', { signal: AbortSignal.timeout(ANSWER_MS) });
    this.#client.stdin?.write(`${verb} ${this.#asked}\n`);
    const [line] = (await Promise.race([answered, this.#ended])) as [string];
    const start = `${this.#asked} ${this.kind} `;
    if (line.startsWith(start)) return answerSchema.parse(line.slice(start.length));
    throw new DrayageError({
      code: 'connectionLost',
      message: `The connection to ${this.kind} was lost, or gave a strange answer: ${line}`,
      mend: '',
    });
  }

  /** Resolves when it has gone on for so many rounds, or with what it says is wrong. */
  async goesOn(rounds: number): Promise<KindAnswer> {
    const before = await this.ask();
    if ('wrong' in before) return before;
    return until(`${this.kind} to go on`, ANSWER_MS, async () => {
      const now = await this.ask();
      return 'wrong' in now || now.iterations >= before.iterations + rounds ? now : false;
    });
  }

  /** Has it damage its own state, and resolves with what it then finds. */
  async spoil(): Promise<string> {
    return until(`${this.kind} to notice that it was spoiled`, ANSWER_MS, async () => {
      // Again and again: what it damages may be given back before it is looked at.
      const now = await this.ask('spoil');
      return 'wrong' in now && now.wrong;
    });
  }

  async move(target: string): Promise<Migration> {
    return moveCompute(await this.#lab.api(), this.#id, target);
  }

  /** Nothing of it is left. */
  async remove(): Promise<void> {
    this.#client.kill();
    const api = await this.#lab.api();
    const accepted = () =>
      api.request('DELETE', `/computes/${this.#id}`).then(
        () => true,
        () => false,
      );
    // After a failure its move may not have ended yet.
    await until(`${this.kind} to be deleted`, REMOVAL_MS, accepted, 200);
    const gone = () =>
      api.request('GET', `/computes/${this.#id}`).then(
        () => false,
        () => true,
      );
    await until(`${this.kind} to be gone`, REMOVAL_MS, gone, 200);
  }
}
