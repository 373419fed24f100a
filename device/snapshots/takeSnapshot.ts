import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { IMAGES_PART, type SnapshotContent, type SnapshotPart } from '../../core/snapshot.ts';
import { ArmedDump, externalDescriptors } from '../checkpoint/armedDump.ts';
import { findFreezer, freeze, isFrozen, thawLeft, type Freezer } from '../checkpoint/cgroupFreezer.ts';
import { writeCriuConfig } from '../checkpoint/criuConfig.ts';
import { ThawGuard } from '../checkpoint/thawGuard.ts';
import type { ContainerFacts, Engine } from '../engine/types.ts';
import type { Failpoint } from '../failpoints.ts';
import { findNativePrograms } from '../memory/nativePrograms.ts';
import { imagesDirectory } from '../ownership/sourceMember.ts';
import { boundSockets } from './boundSockets.ts';
import { markFrozen, unmarkFrozen } from './freezeMarks.ts';
import { packImages } from './imagesArchive.ts';
import type { PartStore } from './partStore.ts';
import { SnapshotFiles } from './snapshotFiles.ts';

export interface TakeDeps {
  runDir: string;
  /** Directory on disk for what is kept meanwhile. */
  workRoot: string;
  engine: Pick<Engine, 'facts'>;
  failpoint: (point: Failpoint) => Promise<void>;
}

export interface TakeRequest {
  /** Its id. */
  snapshot: string;
  spec: ComputeSpec;
  /** What its processes and file systems in memory hold, bytes. */
  memoryBytes: number;
  store: Pick<PartStore, 'put'>;
  /** Nothing is run inside the compute but its own processes when this resolves, until `free`. @throws DrayageError */
  quiet: () => Promise<void>;
  free: () => void;
  progress: (bytes: number) => void;
  signal: AbortSignal;
}

/** What was taken of a compute while it stood still is too dear to be lost to a control plane that is away for a moment. */
const ATTEMPTS = 20;
const AGAIN_MS = 1000;

/**
 * Takes a snapshot of a running compute: files while it runs, then, in one freeze, its memory and what has changed of the
 * files. It runs on afterwards, also when this fails; nothing is left on the device.
 * @throws DrayageError
 */
export async function takeSnapshot(deps: TakeDeps, request: TakeRequest): Promise<SnapshotContent> {
  const { snapshot, spec, signal } = request;
  const facts = requireRunning(await deps.engine.facts(spec.id), spec.name);
  const workDir = join(deps.workRoot, snapshot);
  const imagesRoot = imagesDirectory(deps.runDir, snapshot, spec.id);
  const parts = new Parts(request);
  const files = new SnapshotFiles(facts, workDir, (part, content) => parts.put(part, content));
  try {
    await deps.failpoint('snapshot.copying');
    await files.copy();
    signal.throwIfAborted();
    await request.quiet();
    await files.arm();
    const current = requireSame(facts, await deps.engine.facts(spec.id), spec.name);
    const [descriptors, bound] = await Promise.all([
      externalDescriptors(current.runcRoot, current.containerId),
      boundSockets(current.pid, spec.address.ip),
    ]);
    await writeCriuConfig(deps.runDir, spec.id, files.external, { dropConnections: true });
    const dump = await ArmedDump.arm({
      ...{ containerId: current.containerId, runcRoot: current.runcRoot, pid: current.pid },
      ...{ imagesDir: join(imagesRoot, 'images'), workDir: join(imagesRoot, 'work') },
      ...{ native: await findNativePrograms(), withoutMemory: false, dropConnections: true },
    });
    const frozenMs = await inFreeze(deps, spec.id, { pid: current.pid, dump, files, signal });
    request.free();
    await deps.failpoint('snapshot.taken');
    for (const [part, open] of files.captured()) await parts.putAgain(part, open);
    await parts.putAgain(IMAGES_PART, () => packImages(join(imagesRoot, 'images')));
    return { frozenMs, memoryBytes: request.memoryBytes, descriptors, bound, parts: parts.list };
  } finally {
    request.free();
    await files.close();
    await rm(workDir, { recursive: true, force: true });
    // Holds the tenant's secrets.
    await rm(join(deps.runDir, 'images', snapshot), { recursive: true, force: true });
  }
}

interface Freeze {
  /** Of the compute's first process. */
  pid: number;
  dump: ArmedDump;
  files: SnapshotFiles;
  signal: AbortSignal;
}

/** Freezes the compute for one dump; it runs on, whatever comes of it. Resolves with how long it stood still, milliseconds. */
async function inFreeze(deps: TakeDeps, computeId: string, work: Freeze): Promise<number> {
  const { pid, dump, signal } = work;
  try {
    signal.throwIfAborted();
    const freezer = await findFreezer(pid);
    const guard = await ThawGuard.start(freezer, dump.pid);
    try {
      await markFrozen(deps.runDir, computeId);
      return await whileFrozen(freezer, () => capture(deps, guard, work));
    } finally {
      await dump.cancel();
      // CRIU puts the freezer back to what it was: should that come late, it is undone.
      if (await isFrozen(freezer)) await thawLeft(freezer);
      await unmarkFrozen(deps.runDir, computeId);
      guard.dismiss();
    }
  } finally {
    await dump.cancel();
  }
}

async function whileFrozen(freezer: Freezer, work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  try {
    await freeze(freezer);
    await work();
  } finally {
    await thawLeft(freezer);
  }
  return Math.round((performance.now() - began) * 100) / 100;
}

/** Memory, and what has changed of the files. Of a dump that has begun the end is waited for: CRIU must let go. */
async function capture({ failpoint }: TakeDeps, guard: ThawGuard, { dump, files }: Freeze): Promise<void> {
  await failpoint('snapshot.frozen');
  guard.dumping();
  for (const part of await Promise.allSettled([dump.go(), files.capture()]))
    if (part.status === 'rejected') throw notTaken(part.reason);
}

/** What has been kept so far. */
class Parts {
  readonly list: SnapshotPart[] = [];
  readonly #request: TakeRequest;
  #bytes = 0;

  constructor(request: TakeRequest) {
    this.#request = request;
  }

  async put(part: string, content: Readable): Promise<void> {
    const { store, progress, signal } = this.#request;
    addAbortSignal(signal, content);
    const before = this.#bytes;
    content.on('data', (chunk: Buffer) => progress((this.#bytes += chunk.length)));
    const kept = await store.put(part, content);
    this.#bytes = before + kept.bytes;
    this.list.push(kept);
  }

  /** Of what can be read again. */
  async putAgain(part: string, open: () => Readable): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.put(part, open());
      } catch (error) {
        const passing = error instanceof DrayageError && error.retryable;
        if (!passing || attempt === ATTEMPTS || this.#request.signal.aborted) throw error;
        await pause(AGAIN_MS, undefined, { signal: this.#request.signal });
      }
    }
  }
}

function requireRunning(facts: ContainerFacts | null, name: string): ContainerFacts {
  if (facts && facts.pid > 0 && facts.state === 'running') return facts;
  throw new DrayageError({
    code: 'computeNotRunning',
    message: `Compute ${name} does not run on this device.`,
    mend: 'Start it first; only of a running compute a snapshot can be made.',
  });
}

/** What was copied of its files has to be of the same life as its memory. */
function requireSame(before: ContainerFacts, now: ContainerFacts | null, name: string): ContainerFacts {
  const current = requireRunning(now, name);
  if (current.pid === before.pid) return current;
  throw new DrayageError({
    code: 'computeRestarted',
    message: `Compute ${name} ended while its files were being copied.`,
    mend: 'Make the snapshot again once it runs; see its log for why it ended.',
  });
}

/** A move's words are not a snapshot's. */
function notTaken(error: unknown): unknown {
  if (!(error instanceof DrayageError) || error.cause_.code !== 'dumpFailed') return error;
  const mend =
    'It names what CRIU cannot dump, or what the device lacks: mend that, and make the snapshot again.';
  return new DrayageError({ ...error.cause_, mend }, { cause: error });
}
