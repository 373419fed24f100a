import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { until } from '../../../core/until.ts';
import { apiUrl } from '../../../lab/control.ts';
import { SOON_MS } from '../labFaults.ts';
import type { TestLab } from '../support.ts';

/** A reader of a compute's log that goes on until it is told why there is no more. */
export class LogFollower {
  readonly lines: string[] = [];
  /** Why it ended; null when it was just cut off. */
  readonly ended: Promise<string | null>;
  readonly #abort: AbortController;

  private constructor(body: Readable, abort: AbortController) {
    this.#abort = abort;
    this.ended = this.#read(body);
    this.ended.catch(() => undefined);
  }

  static async start(lab: TestLab, compute: string, query: Record<string, string>): Promise<LogFollower> {
    const { token } = await lab.api();
    const abort = new AbortController();
    const search = new URLSearchParams({ follow: '1', ...query });
    const response = await fetch(`${apiUrl(lab.lab)}/api/v1/computes/${compute}/logs?${search.toString()}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: abort.signal,
    });
    if (!response.ok || response.body === null) throw new Error(await response.text());
    return new LogFollower(Readable.fromWeb(response.body), abort);
  }

  /** Resolves when it has so many lines more than now. */
  async more(count: number): Promise<void> {
    const wanted = this.lines.length + count;
    await until(`${String(count)} more lines`, SOON_MS, () => this.lines.length >= wanted);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(body: Readable): Promise<string | null> {
    let end: string | null = null;
    for await (const line of createInterface({ input: body })) {
      if (line === '') continue;
      const item = JSON.parse(line) as { data: string } | { end: string };
      if ('end' in item) end = item.end;
      else this.lines.push(Buffer.from(item.data, 'base64').toString('utf8').trimEnd());
    }
    return end;
  }
}
