import type { Logger } from 'pino';
import { DrayageError } from '../../core/cause.ts';
import { checkpointWork, decideCheckpoint, type Keeping } from '../../core/checkpoint.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { Device } from '../../device/device.ts';
import type { ExecSessions } from '../../device/engine/execSessions.ts';
import type { Identity } from '../../device/link/identity.ts';
import { openOutgoing } from '../../device/checkpoints/sendCheckpoint.ts';
import { Preparations } from '../../device/preparations.ts';
import type { Placements } from './placements.ts';
import { Repeating } from './repeating.ts';

const EVERY_MS = 1000;
/** In so many turns the control plane is asked where checkpoints go that have nowhere to go yet. */
const ASK_EVERY = 5;
/** And what is kept here for others that nobody needs any more goes. */
const CLEAR_EVERY = 600;

interface Deps {
  device: Pick<Device, 'engine' | 'leases' | 'snapshots' | 'checkpoints' | 'usage' | 'hasForeigners'>;
  placements: Pick<Placements, 'current' | 'refresh'>;
  sessions: Pick<ExecSessions, 'holdGently' | 'release' | 'isFree' | 'isUsed' | 'beforeHold'>;
  control: Pick<ControlClient, 'tookCheckpoint' | 'checkpointSource'>;
  identity: () => Identity;
  log: Logger;
}

/** A compute whose checkpoint is due, and where that goes. */
interface Due {
  spec: ComputeSpec;
  epoch: number;
  keeping: Keeping;
}

/**
 * Takes checkpoints of the computes that are protected by them, one at a time, and gives them to the peers that keep them. They
 * give way to everything: who is about to move a compute, or to make a snapshot of it, waits until its checkpoint has stopped.
 */
export class Checkpoints extends Repeating {
  readonly #deps: Deps;
  readonly #taking = new Preparations();
  readonly #stop = new AbortController();
  /** By compute: when the last one was begun, by the monotonic clock, and its number. */
  readonly #last = new Map<string, { atMs: number; number: number }>();
  /** By compute: what hindered the last one. */
  readonly #said = new Map<string, string>();

  constructor(deps: Deps) {
    super(EVERY_MS, (count) => this.#look(count));
    this.#deps = deps;
    deps.sessions.beforeHold(async (computeIds) => {
      await Promise.all(computeIds.map((id) => this.#taking.end(id)));
    });
  }

  override async close(): Promise<void> {
    this.#stop.abort();
    await super.close();
  }

  async #look(count: number): Promise<void> {
    const { device, placements, log } = this.#deps;
    try {
      if (count % CLEAR_EVERY === 1) await this.#clear();
      // What is protected is fenced; most devices have nothing such, and their engine is not asked every second.
      if (!device.leases.any) return;
      for (const { spec, running } of await device.engine.listComputes()) {
        if (spec.protection?.kind !== 'checkpoint') continue;
        if (running && !placements.current(spec.id)?.keeping && count % ASK_EVERY === 0)
          await placements.refresh();
        const due = this.#due(spec, running);
        if (due !== null && !this.#stop.signal.aborted) await this.#take(due);
      }
    } catch (error) {
      log.warn({ error: String(error) }, 'no checkpoints were taken');
    }
  }

  async #clear(): Promise<void> {
    const { device, control } = this.#deps;
    for (const computeId of await device.checkpoints.computes())
      if ((await control.checkpointSource(computeId)) === null) await device.checkpoints.forget(computeId);
  }

  #due(made: ComputeSpec, running: boolean): Due | null {
    const { placements, sessions } = this.#deps;
    const placement = placements.current(made.id);
    const { spec, epoch, keeping } = placement ?? {};
    if (!spec || epoch === undefined || !keeping || spec.protection?.kind !== 'checkpoint') return null;
    const last = this.#last.get(spec.id);
    const { action } = decideCheckpoint({
      everySeconds: spec.protection.everySeconds,
      sinceMs: last ? performance.now() - last.atMs : null,
      running,
      held: !sessions.isFree(spec.id, 'person') || sessions.isUsed(spec.id),
    });
    return action === 'take' ? { spec, epoch, keeping } : null;
  }

  /** One that fails is taken again in its time; the one before stays. */
  async #take(due: Due): Promise<void> {
    const { id } = due.spec;
    const { log, placements } = this.#deps;
    try {
      await this.#taking.begin(id, (signal) =>
        this.#takeAndSend(due, AbortSignal.any([signal, this.#stop.signal])),
      );
      this.#said.delete(id);
    } catch (error) {
      const words = String(error);
      if (this.#said.get(id) !== words) log.warn({ compute: id, error: words }, 'a checkpoint was not taken');
      this.#said.set(id, words);
      // Perhaps they are to go to another device now.
      await placements.refresh().catch(() => undefined);
    }
  }

  async #takeAndSend({ spec, epoch, keeping }: Due, signal: AbortSignal): Promise<void> {
    const { device, sessions, control, identity } = this.#deps;
    const place = { computeId: spec.id, epoch, number: this.#next(spec.id, keeping.last) };
    this.#last.set(spec.id, { atMs: performance.now(), number: place.number });
    const { memoryBytes, blockers } = await device.usage(spec);
    const [blocker] = blockers;
    if (blocker) throw new DrayageError(blocker);
    const holder = `checkpoint of ${spec.id}`;
    const outgoing = await openOutgoing(identity(), keeping, place);
    let takenMs = 0;
    try {
      const content = await device.snapshots.take({
        ...{ snapshot: checkpointWork(spec.id), spec, memoryBytes, signal },
        store: outgoing,
        quiet: async () => {
          signal.throwIfAborted();
          if (sessions.isUsed(spec.id) || (await device.hasForeigners(spec.id)))
            throw new Error('somebody runs a program inside it');
          await sessions.holdGently(holder, spec.id);
          takenMs = performance.now();
        },
        free: () => sessions.release(holder),
        progress: () => undefined,
      });
      await outgoing.commit(content.parts);
      const agoMs = Math.round(performance.now() - takenMs);
      await control.tookCheckpoint({ ...place, peer: keeping.peer.id, content, agoMs });
    } finally {
      outgoing.close();
    }
  }

  /** Later ones have higher numbers, also those of a worker that has started since. */
  #next(computeId: string, known: number): number {
    return Math.max(this.#last.get(computeId)?.number ?? 0, known) + 1;
  }
}
