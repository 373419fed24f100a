import type { Client } from '../../../client/createClient.ts';
import { describeError } from '../api/describeError.ts';
import { nextFrame } from '../state/nextFrame.ts';
import { keepNewest, LineJoiner, type ShownLine } from './LineBuffer.ts';
import { readLines } from './readLines.ts';

/** Lines that are kept; twice as many while somebody reads further up, so that nothing moves under the eyes. */
const KEPT = 10_000;
/** Before a log that was cut off is asked for again, milliseconds. */
const AGAIN_MS = 2_000;

/** The output of a compute, followed until it ends; over moves, restarts and cut connections. */
export class LogFollower {
  lines = $state.raw<readonly ShownLine[]>([]);
  state = $state<'connecting' | 'following' | 'away' | 'ended' | 'failed'>('connecting');
  /** One sentence: why nothing more comes. */
  reason = $state('');
  error = $state.raw<unknown>(null);
  /** Somebody reads: what is shown stays where it is. */
  held = false;
  readonly #open: (query: { tail?: number; since?: string }, signal: AbortSignal) => Promise<Response>;
  readonly #end = new AbortController();
  #joiner = new LineJoiner();
  #waiting: ShownLine[] = [];
  #lastTime: string | null = null;

  constructor(client: Client, compute: string, tail: number) {
    this.#open = (query, signal) =>
      client.open('/computes/{id}/logs', {
        params: { path: { id: compute }, query: { ...query, follow: '1', format: 'ndjson' } },
        signal,
      });
    void this.#follow(tail);
  }

  /** Takes away what is shown; what is written from now on comes. */
  clear(): void {
    this.lines = [];
  }

  close(): void {
    this.#end.abort();
  }

  async #follow(tail: number): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const query = this.#lastTime === null ? { tail } : { since: this.#lastTime };
        const { body } = await this.#open(query, signal);
        this.state = 'following';
        this.error = null;
        if (body === null || (await this.#read(body))) return;
      } catch (error) {
        if (signal.aborted) return;
        if (!describeError(error).retryable) {
          this.error = error;
          this.state = 'failed';
          return;
        }
      }
      this.state = 'away';
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** Whether the log has said that it has ended. */
  async #read(body: ReadableStream<Uint8Array>): Promise<boolean> {
    const known = this.#lastTime;
    this.#joiner = new LineJoiner(this.#joiner);
    for await (const entries of readLines(body)) {
      for (const entry of entries) {
        if ('end' in entry) {
          this.state = 'ended';
          this.reason = entry.end;
          return true;
        }
        // Times are in the order of their texts.
        if (known !== null && entry.time !== undefined && entry.time <= known) continue;
        if (entry.time !== undefined) this.#lastTime = entry.time;
        const line = this.#joiner.add(entry);
        if (line) this.#show(line);
      }
    }
    return false;
  }

  #show(line: ShownLine): void {
    this.#waiting.push(line);
    if (this.#waiting.length > 1) return;
    nextFrame(() => {
      this.lines = keepNewest(this.lines, this.#waiting, this.held ? 2 * KEPT : KEPT);
      this.#waiting = [];
    });
  }
}
