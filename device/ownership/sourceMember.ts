import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Manifest, Neighbour } from '../../core/linkMessages.ts';
import { writeCriuConfig } from '../checkpoint/criuConfig.ts';
import { ArmedDump } from '../checkpoint/armedDump.ts';
import {
  findFreezer,
  freeze,
  isFrozen,
  killFrozen,
  thaw,
  type Freezer,
} from '../checkpoint/cgroupFreezer.ts';
import { ImageSender } from '../checkpoint/imageSender.ts';
import type { ContainerFacts } from '../engine/types.ts';
import type { LinkClient } from '../link/linkClient.ts';
import type { MemorySession } from '../memory/stream/memorySession.ts';
import { findNativePrograms } from '../memory/nativePrograms.ts';
import { HotSource } from '../network/hotNetwork.ts';
import type { OpenStream, SourcePart } from './members.ts';
import type { FinalSender, MemberDeps, TransferRequest } from './ports.ts';

/** Where the images of one compute of one transfer are, on tmpfs. */
export function imagesDirectory(runDir: string, transfer: string, computeId: string): string {
  return join(runDir, 'images', transfer, computeId);
}

/** One compute of a group on its source device, while it moves. */
export class SourceMember implements SourcePart {
  readonly spec: ComputeSpec;
  readonly #deps: MemberDeps;
  readonly #request: TransferRequest;
  #facts: ContainerFacts | null = null;
  #freezer: Freezer | null = null;
  #network: HotSource | null = null;
  #dump: ArmedDump | null = null;
  #files: FinalSender[] = [];
  #images: ImageSender | null = null;
  #memory: MemorySession | null = null;

  constructor(deps: MemberDeps, request: TransferRequest, spec: ComputeSpec) {
    this.#deps = deps;
    this.#request = request;
    this.spec = spec;
  }

  /** Starts every process that the hot window needs. @throws DrayageError, with all of it ended again */
  async arm(): Promise<void> {
    try {
      await this.#locate();
      const facts = this.#running();
      const directory = imagesDirectory(this.#deps.runDir, this.#request.transfer, this.spec.id);
      this.#memory = this.#deps.memory.session(this.#request.migration, this.spec.id);
      const native = await findNativePrograms();
      const lazy = this.#memory?.restore === 'lazy';
      if (lazy && native.criuHide === null) throw libraryGone();
      const external = this.#deps.files.externalMounts(this.#request.migration, this.spec.id);
      await writeCriuConfig(this.#deps.runDir, this.spec.id, external);
      [this.#network, this.#dump, this.#files] = await Promise.all([
        this.#startNetwork(),
        ArmedDump.arm({
          containerId: facts.containerId,
          runcRoot: facts.runcRoot,
          pid: facts.pid,
          imagesDir: join(directory, 'images'),
          workDir: join(directory, 'work'),
          native,
          withoutMemory: lazy,
        }),
        this.#deps.files.armSenders(this.#request.migration, facts, this.spec.id),
      ]);
    } catch (error) {
      await this.disarm();
      throw error;
    }
  }

  /** Recovery: finds the frozen processes again; nothing is dumped any more. */
  async relocate(): Promise<void> {
    await this.#locate();
    if (this.#freezer) this.#network = await this.#startNetwork();
  }

  /**
   * Sends what would else have to be sent frozen.
   * @throws DrayageError when the compute has been started anew since all was armed: what waits is for the one that ended
   */
  async refresh(link: LinkClient): Promise<void> {
    const armedFor = this.#running().pid;
    await Promise.all([
      this.#deps.files.refresh(this.#request.migration, this.spec.id, link),
      this.#deps.engine.facts(this.spec.id).then((facts) => {
        if (facts?.pid !== armedFor) throw startedAnew(this.spec.name);
      }),
      this.sendFlows(link),
    ]);
  }

  /** Tells the target which connections of the compute to the outside live on this device, or one before it. */
  async sendFlows(link: LinkClient): Promise<void> {
    const { transfer } = this.#request;
    try {
      const flows = await this.#deps.network.flows.flowsOf(this.spec.address.ip);
      if (flows.length > 0) await link.call(`/v1/transfers/${transfer}/flows/${this.spec.id}`, flows);
    } catch (error) {
      // They would be lost; the compute and what is connected to it must not be. A target of an earlier version takes none.
      this.#deps.log('connections to the outside were not handed over', { transfer, error: String(error) });
    }
  }

  /** The last pass over the memory begins at once, beside all that follows. */
  async freeze(): Promise<void> {
    await freeze(this.#needFreezer());
    this.#memory?.beginFinal();
  }

  /** Whether the compute's processes exist and are frozen. */
  async frozen(): Promise<boolean> {
    return this.#freezer !== null && isFrozen(this.#freezer);
  }

  /** Whom it talks to on its own network. */
  async neighbours(): Promise<Neighbour[]> {
    return (await this.#network?.neighbours()) ?? [];
  }

  async mute(): Promise<void> {
    await this.#network?.mute();
  }

  async detach(): Promise<void> {
    await this.#network?.detach();
  }

  /**
   * Lets the waiting dump and file processes go; resolves with the manifest's part when all of it is on its way, but for
   * what memory has changed: see `memorySent`.
   */
  async send(open: OpenStream, onDumped: () => void): Promise<Manifest['computes'][number]> {
    const facts = this.#running();
    const dump = this.#dump;
    if (!dump) throw new Error('the dump was not armed');
    const dumped = dump.go();
    void dumped.then(onDumped, () => undefined);
    const id = this.spec.id;
    const memory = this.#memory;
    this.#images = new ImageSender(
      dump.request.imagesDir,
      (name) => open(`images/${id}/${name}`),
      memory && ((path) => memory.image(path)),
    );
    const [images, roots] = await Promise.all([
      this.#images.run(dumped),
      Promise.all(
        this.#files.map((file) =>
          this.#sendFiles(file, open(`files/${id}/${encodeURIComponent(file.root)}`)),
        ),
      ),
    ]);
    // The engine has long read what the processes wrote before they froze: the dump took many times a pipe's delay.
    const logBytes = await this.#sendLog(facts, open(`log/${id}`));
    return { id, images, roots, logBytes };
  }

  /** After `send`: the target has all of the memory. It may restore meanwhile. */
  async memorySent(): Promise<void> {
    await this.#memory?.finish();
  }

  /** Bytes of images and memory given to the link. */
  get sent(): number {
    return (this.#images?.sent ?? 0) + (this.#memory?.wireBytes ?? 0);
  }

  /** The whole rollback: on the network, running, nothing of the attempt left. */
  async thaw(): Promise<void> {
    if (this.#dump) await this.#dump.cancel();
    if (this.#freezer) {
      await this.#restoreNetwork();
      await thaw(this.#freezer);
    }
    await this.disarm();
  }

  /** Past the commit point: off the network for good, then ended without running one more instruction. */
  async kill(): Promise<void> {
    await this.#deps.network.remove(this.spec.id);
    await this.#dump?.settled();
    if (this.#freezer) await killFrozen(this.#freezer);
    await this.disarm();
  }

  /** After `kill`, for a source that nobody tells: its containers, volumes and what was kept of its files go too. */
  async clear(): Promise<void> {
    await this.#deps.network.remove(this.spec.id);
    await this.#deps.engine.removeCompute(this.spec.id, { volumes: true });
    if (this.#request.migration !== '') await this.#deps.files.forget(this.#request.migration);
  }

  /** Ends the helpers and removes the images; the compute itself is left as it is. */
  async disarm(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.cancel().catch(() => undefined)));
    if (this.#dump) await this.#dump.cancel();
    await this.#network?.close();
    await this.#memory?.close();
    [this.#files, this.#dump, this.#network] = [[], null, null];
    await rm(join(this.#deps.runDir, 'images', this.#request.transfer), { recursive: true, force: true });
  }

  async #locate(): Promise<void> {
    this.#facts = await this.#deps.engine.facts(this.spec.id);
    if (this.#facts && this.#facts.pid > 0) this.#freezer = await findFreezer(this.#facts.pid);
  }

  /** A tool that has failed once is of no more use: the next try is with new ones. */
  async #restoreNetwork(): Promise<void> {
    try {
      this.#network ??= await this.#startNetwork();
      await this.#network.restore();
    } catch (error) {
      await this.#network?.close();
      this.#network = null;
      throw error;
    }
  }

  async #startNetwork(): Promise<HotSource> {
    const sandbox = await this.#deps.engine.sandbox(this.spec.id);
    if (!sandbox) throw notRunning(this.spec.name);
    return HotSource.start({
      computeId: this.spec.id,
      mac: this.spec.address.mac,
      bridge: this.#deps.network.bridge,
      sandboxPid: sandbox.pid,
    });
  }

  async #sendFiles(file: FinalSender, stream: Writable): Promise<{ name: string; bytes: number }> {
    file.go();
    const [, { bytes }] = await Promise.all([pipeline(file.stream, stream), file.done]);
    return { name: file.root, bytes };
  }

  async #sendLog(facts: ContainerFacts, stream: Writable): Promise<number> {
    let bytes = 0;
    const tail = await this.#deps.files.logTail(this.#request.migration, facts, this.spec.id);
    tail.on('data', (chunk: Buffer) => (bytes += chunk.length));
    tail.pipe(stream);
    await finished(stream, { readable: false });
    return bytes;
  }

  #running(): ContainerFacts {
    if (!this.#facts || this.#facts.pid === 0) throw notRunning(this.spec.name);
    return this.#facts;
  }

  #needFreezer(): Freezer {
    if (!this.#freezer) throw notRunning(this.spec.name);
    return this.#freezer;
  }
}

/** The target is going to fill in memory that the dump would hold as well. */
function libraryGone(): DrayageError {
  return new DrayageError({
    code: 'helperMissing',
    message: "The library that keeps memory out of CRIU's dump (criu-hide.so) has gone since the move began.",
    mend: 'Try again: without it the memory is restored eagerly; build the native helpers to have it back.',
  });
}

function startedAnew(name: string): DrayageError {
  return new DrayageError({
    code: 'computeRestarted',
    message: `Compute ${name} ended while its memory was being copied.`,
    mend: 'Move it again once it runs; see its log for why it ended.',
  });
}

function notRunning(name: string): DrayageError {
  return new DrayageError({
    code: 'computeNotRunning',
    message: `Compute ${name} does not run on this device.`,
    mend: 'Start it first; only a running compute can be moved live.',
  });
}
