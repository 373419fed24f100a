import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { z } from 'zod';
import { Label, labelFilter } from './containerOptions.ts';
import type { ContainerExit } from './types.ts';

/** Waits between attempts to reach the engine, milliseconds. */
const RECONNECT_MS = { first: 100, most: 2000 };

const eventSchema = z.object({
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()) }),
});

/** Per container the time of the end that was reported last, as the engine gives it. */
const reportedSchema = z.record(z.string(), z.string());

/**
 * Reports each end of a compute's process once. Events of the engine only say when to look; what is reported comes from
 * the containers' own state, so that an end that nobody saw (this worker or the engine was away) is found too. Which
 * ends were reported is kept in a file, for a worker that starts again.
 */
export class ExitWatch {
  readonly #docker: Docker;
  readonly #file: string;
  readonly #listener: (exit: ContainerExit) => void;
  readonly #signal: AbortSignal;
  #reported: Record<string, string> = {};
  /** Containers that were asked to end since they last started. */
  readonly #asked = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  constructor(docker: Docker, file: string, listener: (exit: ContainerExit) => void, signal: AbortSignal) {
    this.#docker = docker;
    this.#file = file;
    this.#listener = listener;
    this.#signal = signal;
  }

  /** Runs until the signal aborts. */
  async run(): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch(() => '{}');
    this.#reported = reportedSchema.catch({}).parse(safeJson(text));
    let delay = RECONNECT_MS.first;
    while (!this.#signal.aborted) {
      const since = performance.now();
      await this.#follow().catch(() => {});
      if (performance.now() - since > RECONNECT_MS.most) delay = RECONNECT_MS.first;
      await this.#pause(delay);
      delay = Math.min(delay * 2, RECONNECT_MS.most);
    }
    await this.#work;
  }

  /** One connection: first the stream of events, then a look at all, so that nothing falls between. */
  async #follow(): Promise<void> {
    const events = await this.#docker.getEvents({
      filters: {
        type: ['container'],
        label: [`${Label.role}=compute`],
        event: ['die', 'kill', 'start', 'destroy'],
      },
      abortSignal: this.#signal,
    });
    const stream = Readable.from(events);
    const end = (): void => void stream.destroy();
    this.#signal.addEventListener('abort', end);
    try {
      const first = this.#serially(() => this.#reconcile());
      for await (const line of createInterface({ input: stream })) this.#take(line);
      await first;
    } finally {
      this.#signal.removeEventListener('abort', end);
      (events as Readable).destroy();
    }
  }

  #take(line: string): void {
    const { Action: action, Actor: actor } = eventSchema.parse(JSON.parse(line));
    if (action === 'start') this.#asked.delete(actor.ID);
    else if (action === 'kill' && endsProcess(actor.Attributes['signal'])) this.#asked.add(actor.ID);
    else if (action === 'die') void this.#serially(() => this.#look(actor.ID));
    else if (action === 'destroy') void this.#serially(() => this.#forget(actor.ID));
  }

  /** One after another, so that no end is reported twice. */
  #serially(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch(() => {});
    return this.#work;
  }

  async #reconcile(): Promise<void> {
    const containers = await this.#docker.listContainers({
      all: true,
      filters: { label: labelFilter('compute') },
    });
    const known = new Set(containers.map((one) => one.Id));
    this.#reported = Object.fromEntries(Object.entries(this.#reported).filter(([id]) => known.has(id)));
    for (const { Id, State } of containers) if (State === 'exited' || State === 'dead') await this.#look(Id);
  }

  async #look(containerId: string): Promise<void> {
    const { State, Config } = await this.#docker.getContainer(containerId).inspect();
    const computeId = Config.Labels[Label.compute];
    const ended = Date.parse(State.FinishedAt);
    // A container that never ran has ended in the year 1.
    if (!computeId || State.Running || ended <= 0 || this.#reported[containerId] === State.FinishedAt) return;
    this.#reported[containerId] = State.FinishedAt;
    await this.#save();
    this.#listener({
      computeId,
      containerId,
      exitCode: State.ExitCode,
      requested: this.#asked.delete(containerId),
      ranMs: Math.max(0, ended - Date.parse(State.StartedAt)),
      at: new Date(ended).toISOString(),
      oom: State.OOMKilled,
    });
  }

  async #forget(containerId: string): Promise<void> {
    this.#asked.delete(containerId);
    if (!(containerId in this.#reported)) return;
    delete this.#reported[containerId];
    await this.#save();
  }

  async #save(): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    await writeFile(`${this.#file}.new`, JSON.stringify(this.#reported), { mode: 0o600 });
    await rename(`${this.#file}.new`, this.#file);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** Signals by which a container is asked to end; a program may get others for its own purposes (SIGHUP, SIGUSR1). */
function endsProcess(signal: string | undefined): boolean {
  return ['2', '3', '9', '15', 'SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGTERM'].includes(signal ?? '');
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
