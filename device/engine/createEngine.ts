import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import Docker from 'dockerode';
import type { ComputeSpec } from '../../core/compute.ts';
import { DrayageError } from '../../core/cause.ts';
import type { Limits } from '../../core/observed.ts';
import { tmpfsOf } from '../../core/tmpfs.ts';
import { criuConfigPath } from '../checkpoint/criuConfig.ts';
import {
  computeOptions,
  containerName,
  Label,
  labelFilter,
  limitOptions,
  limitsOf,
  readSpec,
  SANDBOX_IMAGE,
  sandboxOptions,
  volumeName,
} from './containerOptions.ts';
import { engineError, hasStatus } from './engineErrors.ts';
import { ExitWatch } from './exitWatch.ts';
import { gatherChanging, gatherFixed, type FixedFacts } from './gatherFacts.ts';
import { demandImage, imageExists, listImages, loadArchive } from './images.ts';
import { readEntries } from './multiplexed.ts';
import { openExec } from './openExec.ts';
import { readBusybox, sandboxArchive } from './sandboxImage.ts';
import type {
  ContainerExit,
  ContainerFacts,
  Engine,
  ExecSession,
  ListedCompute,
  LoggedChunk,
  LogOptions,
  Sandbox,
} from './types.ts';

/** The engine holds a container's lock while it starts it, and answers no question about it then. Milliseconds. */
const INSPECT_TIMEOUT_MS = 10_000;
const REMOVAL_POLL_MS = 50;
const REMOVAL_POLLS = 600;

export interface EngineOptions {
  dockerSocket: string;
  /** Drayage's run directory (tmpfs); the runtime wrapper leaves there where a container's state is. */
  runDir: string;
}

/** Docker, as Drayage uses it. Opens no connection before the first call. */
export function createEngine({ dockerSocket, runDir }: EngineOptions): Engine {
  return new DockerEngine(new Docker({ socketPath: dockerSocket }), runDir);
}

type Listed = Docker.ContainerInfo;

class DockerEngine implements Engine {
  readonly #docker: Docker;
  readonly #runDir: string;
  readonly #fixed = new Map<string, FixedFacts>();
  /** By container; what was asked for last. */
  readonly #limits = new Map<string, Limits>();
  readonly #starting = new Set<string>();
  #dockerRoot: string | null = null;

  constructor(docker: Docker, runDir: string) {
    this.#docker = docker;
    this.#runDir = runDir;
  }

  async loadImage(archive: Readable, digest: string): Promise<void> {
    await loadArchive(this.#docker, archive);
    await demandImage(this.#docker, digest);
  }

  hasImage(digest: string): Promise<boolean> {
    return imageExists(this.#docker, digest);
  }

  async saveImage(digest: string): Promise<Readable> {
    return (await this.#ask('saving an image', () => this.#docker.getImage(digest).get())) as Readable;
  }

  listImages(): Promise<{ digest: string; layers: string[] }[]> {
    return listImages(this.#docker);
  }

  async ensureSandbox(spec: ComputeSpec): Promise<Sandbox> {
    if (!(await imageExists(this.#docker, SANDBOX_IMAGE))) await this.#makeSandboxImage();
    const containerId = await this.#ensureContainer(spec.id, 'sandbox', () => sandboxOptions(spec));
    await this.#ask('starting a sandbox', () => this.#startOrFind(containerId));
    const sandbox = await this.sandbox(spec.id);
    if (!sandbox) throw sandboxEnded(spec.name);
    return sandbox;
  }

  async createCompute(spec: ComputeSpec): Promise<string> {
    const sandbox = await this.#find('sandbox', spec.id);
    if (!sandbox) throw new Error(`the sandbox of ${spec.id} must be there before its compute`);
    for (const { name } of spec.volumes) {
      const Labels = { [Label.compute]: spec.id, [Label.role]: 'volume' };
      await this.#ask('making a volume', () =>
        this.#docker.createVolume({ Name: volumeName(spec.id, name), Labels }),
      );
    }
    const id = await this.#ensureContainer(spec.id, 'compute', () =>
      computeOptions(spec, sandbox.Id, criuConfigPath(this.#runDir, spec.id)),
    );
    await this.#fixedFacts(id, spec.id, spec);
    return id;
  }

  async startCompute(computeId: string): Promise<void> {
    const { Id } = await this.#demand(computeId);
    this.#starting.add(computeId);
    try {
      await this.#ask('starting a compute', () => this.#startOrFind(Id));
    } finally {
      this.#starting.delete(computeId);
    }
  }

  async stopCompute(computeId: string, graceSeconds: number): Promise<void> {
    const found = await this.#find('compute', computeId);
    if (!found) return;
    await this.#ask('stopping a compute', () =>
      this.#docker.getContainer(found.Id).stop({ t: graceSeconds }).catch(ignoring(304, 404)),
    );
  }

  async removeCompute(computeId: string, { volumes }: { volumes: boolean }): Promise<void> {
    for (const role of ['compute', 'sandbox'] as const) {
      const found = await this.#find(role, computeId);
      if (found) await this.#ask('removing a container', () => this.#removeContainer(found.Id));
    }
    await rm(criuConfigPath(this.#runDir, computeId), { force: true });
    if (!volumes) return;
    await this.#ask('removing volumes', async () => {
      const label = [`${Label.role}=volume`, `${Label.compute}=${computeId}`];
      const { Volumes } = await this.#docker.listVolumes({ filters: JSON.stringify({ label }) });
      for (const { Name } of Volumes ?? []) await this.#docker.getVolume(Name).remove().catch(ignoring(404));
    });
  }

  async facts(computeId: string): Promise<ContainerFacts | null> {
    const found = await this.#find('compute', computeId);
    if (!found) return null;
    const spec = readSpec(found.Labels);
    // While the runtime wrapper waits for an arriving compute, the engine would answer only after it.
    if (this.#starting.has(computeId) && found.State === 'created') {
      const fixed = await this.#fixedFacts(found.Id, computeId, spec);
      return {
        ...fixed,
        ...(await gatherChanging(found.Id, { Status: 'created', Pid: 0, ExitCode: 0 }, this.#runDir)),
      };
    }
    const inspected = await this.#inspect(found.Id);
    if (!inspected) return null;
    const fixed = await this.#fixedFacts(found.Id, computeId, spec, inspected);
    return { ...fixed, ...(await gatherChanging(found.Id, inspected.State, this.#runDir)) };
  }

  async sandbox(computeId: string): Promise<Sandbox | null> {
    const found = await this.#find('sandbox', computeId);
    const inspected = found?.State === 'running' ? await this.#inspect(found.Id) : null;
    return inspected?.State.Running ? { containerId: inspected.Id, pid: inspected.State.Pid } : null;
  }

  async listComputes(): Promise<ListedCompute[]> {
    return (await this.#list('compute')).flatMap(({ Id, Labels, State }) => {
      const spec = readSpec(Labels);
      if (!spec) return [];
      const paused = State === 'paused';
      const limits = this.#limits.get(Id) ?? null;
      return [{ computeId: spec.id, spec, running: paused || State === 'running', paused, limits }];
    });
  }

  async updateLimits(spec: ComputeSpec): Promise<void> {
    const found = await this.#find('compute', spec.id);
    if (!found) return;
    await this.#ask('changing the limits of a compute', () =>
      this.#docker.getContainer(found.Id).update(limitOptions(spec)),
    );
    await this.#inspect(found.Id);
  }

  async kill(computeId: string, signal: string): Promise<void> {
    const { Id } = await this.#demand(computeId);
    // 409: it has ended.
    await this.#ask('sending a signal', () =>
      this.#docker.getContainer(Id).kill({ signal }).catch(ignoring(409)),
    );
  }

  async logs(computeId: string, { signal, ...options }: LogOptions): Promise<AsyncIterable<LoggedChunk>> {
    const { Id } = await this.#demand(computeId);
    const stream = await this.#ask('reading a log', () => this.#openLog(Id, options));
    return readEntries(stream, signal);
  }

  async exec(
    computeId: string,
    command: string[],
    options: { tty: boolean; stdin: boolean },
  ): Promise<ExecSession> {
    const { Id } = await this.#demand(computeId);
    return this.#ask('starting a program', () => openExec(this.#docker.getContainer(Id), command, options));
  }

  watchExits(listener: (exit: ContainerExit) => void, signal: AbortSignal): void {
    const file = join(this.#runDir, 'reported-exits.json');
    void new ExitWatch(this.#docker, file, listener, signal).run();
  }

  async #ask<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw engineError(error, doing);
    }
  }

  #list(role: 'compute' | 'sandbox', computeId?: string): Promise<Listed[]> {
    const filters = { label: labelFilter(role, computeId) };
    return this.#ask('listing containers', () => this.#docker.listContainers({ all: true, filters }));
  }

  async #find(role: 'compute' | 'sandbox', computeId: string): Promise<Listed | null> {
    return (await this.#list(role, computeId))[0] ?? null;
  }

  async #demand(computeId: string): Promise<Listed> {
    const found = await this.#find('compute', computeId);
    if (found) return found;
    throw engineError({ statusCode: 404, message: `compute ${computeId}` }, 'looking for a compute');
  }

  async #inspect(containerId: string): Promise<Docker.ContainerInspectInfo | null> {
    const abortSignal = AbortSignal.timeout(INSPECT_TIMEOUT_MS);
    try {
      const inspected = await this.#docker.getContainer(containerId).inspect({ abortSignal });
      this.#limits.set(containerId, limitsOf(inspected.HostConfig));
      return inspected;
    } catch (error) {
      if (hasStatus(error, 404)) return null;
      if (abortSignal.aborted) throw engineBusy(error);
      throw engineError(error, 'inspecting a container');
    }
  }

  async #fixedFacts(
    containerId: string,
    computeId: string,
    spec: ComputeSpec | null,
    known?: Docker.ContainerInspectInfo,
  ): Promise<FixedFacts> {
    const cached = this.#fixed.get(containerId);
    if (cached) return cached;
    const inspected = known ?? (await this.#inspect(containerId));
    if (!inspected)
      throw engineError({ statusCode: 404, message: `compute ${computeId}` }, 'looking for a compute');
    const volumes = (spec?.volumes ?? []).map(({ name }) => name);
    const fixed = {
      ...(await gatherFixed(inspected, computeId, await this.#rootDirectory(), volumes)),
      tmpfs: spec ? tmpfsOf(spec) : [],
    };
    this.#fixed.set(containerId, fixed);
    return fixed;
  }

  async #rootDirectory(): Promise<string> {
    this.#dockerRoot ??= await this.#ask('asking for its settings', async () => {
      const info = (await this.#docker.info()) as { DockerRootDir: string };
      return info.DockerRootDir;
    });
    return this.#dockerRoot;
  }

  async #makeSandboxImage(): Promise<void> {
    await loadArchive(this.#docker, Readable.from([await sandboxArchive(await readBusybox())]));
    await demandImage(this.#docker, SANDBOX_IMAGE);
  }

  async #ensureContainer(
    computeId: string,
    role: 'compute' | 'sandbox',
    options: () => Docker.ContainerCreateOptions,
  ): Promise<string> {
    const found = await this.#find(role, computeId);
    if (found) return found.Id;
    try {
      return (await this.#docker.createContainer(options())).id;
    } catch (error) {
      // Another attempt may have been quicker; a name in the way that is none of ours stays an error.
      const other = hasStatus(error, 409) ? await this.#find(role, computeId) : null;
      if (other) return other.Id;
      throw engineError(error, `creating ${containerName(computeId, role)}`);
    }
  }

  async #startOrFind(containerId: string): Promise<void> {
    await this.#docker.getContainer(containerId).start().catch(ignoring(304));
  }

  async #removeContainer(containerId: string): Promise<void> {
    const container = this.#docker.getContainer(containerId);
    this.#fixed.delete(containerId);
    this.#limits.delete(containerId);
    try {
      await container.remove({ force: true, v: true });
    } catch (error) {
      if (hasStatus(error, 404)) return;
      if (!hasStatus(error, 409)) throw error;
      await this.#awaitRemoval(containerId, error);
    }
  }

  /** Somebody else's removal is under way; the engine gives no event that could not have been missed. */
  async #awaitRemoval(containerId: string, cause: unknown): Promise<void> {
    for (let poll = 0; poll < REMOVAL_POLLS; poll += 1) {
      if (!(await this.#inspect(containerId))) return;
      await new Promise((resolve) => setTimeout(resolve, REMOVAL_POLL_MS));
    }
    throw cause;
  }

  /** Dockerode's own `logs` collects what it does not follow in memory. */
  #openLog(containerId: string, { follow, tail, since }: Omit<LogOptions, 'signal'>): Promise<Readable> {
    return new Promise((resolve, reject) => {
      this.#docker.modem.dial(
        {
          path: `/containers/${containerId}/logs?`,
          method: 'GET',
          isStream: true,
          statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
          options: {
            ...{ follow, stdout: true, stderr: true, timestamps: true },
            ...{ tail: tail ?? 'all', since: since ?? '0' },
          },
        },
        (error: Error | null, stream?: unknown) => (error ? reject(error) : resolve(stream as Readable)),
      );
    });
  }
}

/** For an answer that means that it is so already. */
function ignoring(...statuses: number[]): (error: unknown) => void {
  return (error) => {
    if (!hasStatus(error, ...statuses)) throw error;
  };
}

function sandboxEnded(name: string): DrayageError {
  return new DrayageError(
    {
      code: 'sandboxEnded',
      message: `The sandbox of ${name} ended right after its start.`,
      mend: "See the engine's log on the device: journalctl -u docker.",
    },
    { retryable: true },
  );
}

function engineBusy(cause: unknown): DrayageError {
  return new DrayageError(
    {
      code: 'engineBusy',
      message: 'The container engine does not answer about a container that it is starting or ending.',
      mend: 'Wait for it; if it stays so, restart dockerd on the device.',
    },
    { retryable: true, cause },
  );
}
