import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { IMAGES_PART, planRestore, type SnapshotContent } from '../../core/snapshot.ts';
import { ArmedRestore } from '../checkpoint/armedRestore.ts';
import { writeCriuConfig } from '../checkpoint/criuConfig.ts';
import type { DeviceNetwork } from '../device.ts';
import type { ContainerFacts, Engine } from '../engine/types.ts';
import type { Failpoint } from '../failpoints.ts';
import { createFileTarget } from '../files/createFileTarget.ts';
import { createTreeTarget } from '../files/createTreeTarget.ts';
import { rootsOf } from '../files/fileSync.ts';
import type { TmpfsMounts } from '../files/tmpfsMounts.ts';
import type { FileTarget } from '../files/types.ts';
import { findNativePrograms } from '../memory/nativePrograms.ts';
import { imagesDirectory } from '../ownership/sourceMember.ts';
import { unpackImages } from './imagesArchive.ts';
import type { PartStore } from './partStore.ts';

const run = promisify(execFile);

export interface RestoreDeps {
  runDir: string;
  workRoot: string;
  engine: Engine;
  network: DeviceNetwork;
  /** Holds the file systems in memory of computes that arrive. */
  mounts: TmpfsMounts;
  failpoint: (point: Failpoint) => Promise<void>;
}

export interface RestoreRequest {
  snapshot: string;
  /** Of the compute that is made; its image is on this device. */
  spec: ComputeSpec;
  content: SnapshotContent;
  store: Pick<PartStore, 'get'>;
  progress: (bytes: number) => void;
  signal: AbortSignal;
}

/**
 * Makes a compute of a snapshot: its files are put in place, its processes restored, its network opened. What an earlier
 * attempt has left is cleared first; one that has succeeded is left as it is.
 * @throws DrayageError, with the compute's containers still there for whoever removes them
 */
export async function restoreSnapshot(deps: RestoreDeps, request: RestoreRequest): Promise<void> {
  const { engine, network, runDir } = deps;
  const { snapshot, spec } = request;
  // Several computes may be made of one snapshot at a time.
  const arrival = `${snapshot}-${spec.id}`;
  const workDir = join(deps.workRoot, arrival);
  const imagesDir = join(imagesDirectory(runDir, arrival, spec.id), 'images');
  const arrived = new Arrival(request);
  const clear = async () => {
    await deps.mounts.release(arrival);
    await rm(workDir, { recursive: true, force: true });
    await rm(join(runDir, 'images', arrival), { recursive: true, force: true });
  };
  const before = await engine.facts(spec.id);
  if (before?.state !== 'running') {
    await clear();
    await network.remove(spec.id);
    await engine.removeCompute(spec.id, { volumes: true });
  }
  const { pid: sandboxPid } = await engine.ensureSandbox(spec);
  await network.prepare(spec, sandboxPid);
  if (before?.state === 'running') return network.open(spec, sandboxPid);
  try {
    await engine.createCompute(spec);
    const facts = requireMade(await engine.facts(spec.id), spec.name);
    const plan = planRestore(spec, request.content.parts);
    await putFiles(facts, workDir, plan, arrived);
    const external = await putTmpfs(deps.mounts, arrival, facts, plan, arrived);
    await unpackImages(await arrived.get(IMAGES_PART), imagesDir);
    await writeCriuConfig(runDir, spec.id, external, { dropConnections: true });
    await deps.failpoint('snapshot.restoring');
    request.signal.throwIfAborted();
    await restoreProcesses(deps, request, facts, imagesDir);
    await network.open(spec, sandboxPid);
  } finally {
    await clear();
  }
}

async function putFiles(
  facts: ContainerFacts,
  workDir: string,
  plan: ReadonlyMap<string, string[]>,
  arrived: Arrival,
): Promise<void> {
  for (const root of rootsOf(facts))
    await applyAll(createFileTarget(root, workDir), plan.get(root.name) ?? [], arrived);
}

/** Fills the file systems in memory whose content is not in CRIU's images; resolves with where CRIU finds them. */
async function putTmpfs(
  mounts: TmpfsMounts,
  arrival: string,
  { tmpfs }: ContainerFacts,
  plan: ReadonlyMap<string, string[]>,
  arrived: Arrival,
): Promise<Map<string, string>> {
  const external = new Map<string, string>();
  const { treeTarget } = await findNativePrograms();
  for (const one of tmpfs) {
    const parts = plan.get(one.name);
    if (!parts) continue;
    if (treeTarget === null) throw helperMissing();
    const directory = await mounts.make(arrival, one);
    await applyAll(createTreeTarget({ name: one.name, directory }, treeTarget), parts, arrived);
    external.set(one.name, directory);
  }
  return external;
}

async function applyAll(target: FileTarget, parts: string[], arrived: Arrival): Promise<void> {
  try {
    for (const [index, part] of parts.entries()) {
      const content = await arrived.get(part);
      await (index === 0 ? target.applyFull(content) : target.applyDifference(content));
    }
  } finally {
    await target.close();
  }
}

async function restoreProcesses(
  { runDir, engine }: RestoreDeps,
  { spec, content }: RestoreRequest,
  { containerId }: ContainerFacts,
  imagesDir: string,
): Promise<void> {
  const { descriptors } = content;
  const start = () => engine.startCompute(spec.id);
  let restore: ArmedRestore | null = null;
  try {
    restore = await ArmedRestore.arm({ containerId, runDir, imagesDir, descriptors, lazy: false, start });
    await restore.go();
    // Until now it has the name of the compute that the snapshot is of.
    await run('nsenter', [`--uts=/proc/${await restore.pid()}/ns/uts`, 'hostname', spec.name]);
    await restore.settled();
  } catch (error) {
    await restore?.cancel();
    throw notRestored(error);
  }
}

/** Gets the parts, and knows how much has come. */
class Arrival {
  readonly #request: RestoreRequest;
  #bytes = 0;

  constructor(request: RestoreRequest) {
    this.#request = request;
  }

  async get(part: string): Promise<Readable> {
    const { store, progress, signal } = this.#request;
    signal.throwIfAborted();
    const content = addAbortSignal(signal, await store.get(part));
    content.on('data', (chunk: Buffer) => progress((this.#bytes += chunk.length)));
    return content.pause();
  }
}

function requireMade(facts: ContainerFacts | null, name: string): ContainerFacts {
  if (facts) return facts;
  throw new DrayageError(
    {
      code: 'containerMissing',
      message: `The container of compute ${name} was taken away while it was being restored.`,
      mend: 'Restore the snapshot again.',
    },
    { retryable: true },
  );
}

function helperMissing(): DrayageError {
  return new DrayageError({
    code: 'helperMissing',
    message: 'This device lacks the program that fills file systems in memory (tree-target).',
    mend: 'Build the native helpers on it with `sh scripts/native.sh`, or choose another device.',
  });
}

/** A move's words are not a restore's. */
function notRestored(error: unknown): unknown {
  if (!(error instanceof DrayageError) || error.cause_.code !== 'restoreFailed') return error;
  const message = error.cause_.message.replace(' on the target', '');
  const mend =
    'Compare kernel, CRIU and CPU of this device with those of the one that the snapshot was made on, or choose another device.';
  return new DrayageError({ code: 'restoreFailed', message, mend }, { cause: error });
}
