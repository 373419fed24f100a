import { readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import { flowsSchema } from '../../core/flow.ts';
import type { Manifest, Neighbour } from '../../core/linkMessages.ts';
import { findFreezer } from '../checkpoint/cgroupFreezer.ts';
import { writeCriuConfig } from '../checkpoint/criuConfig.ts';
import { ArmedRestore } from '../checkpoint/armedRestore.ts';
import { ImageReceiver } from '../checkpoint/imageReceiver.ts';
import type { PageStore } from '../memory/pageStore.ts';
import { watchSocket } from '../memory/watchSocket.ts';
import { replayLog } from '../files/replayLog.ts';
import { vethName } from '../network/vethName.ts';
import { HotTarget } from '../network/hotNetwork.ts';
import type { TargetPart } from './members.ts';
import type { FinalReceiver, MemberDeps, TransferRequest } from './ports.ts';
import { imagesDirectory } from './sourceMember.ts';
import { WakeUp } from './wakeUp.ts';
import { exists } from '../exists.ts';

/** How long CRIU may take to say why it has ended, milliseconds. */
const WORDS_MS = 2000;

/** One compute of a group on its target device, while it moves. */
export class TargetMember implements TargetPart {
  readonly spec: ComputeSpec;
  readonly #deps: MemberDeps;
  readonly #request: TransferRequest;
  #network: HotTarget | null = null;
  #restore: ArmedRestore | null = null;
  #files: FinalReceiver[] = [];
  #images: ImageReceiver | null = null;
  #pages: PageStore | null = null;
  #log = { arrived: new WakeUp(), done: Promise.resolve() };

  constructor(deps: MemberDeps, request: TransferRequest, spec: ComputeSpec) {
    this.#deps = deps;
    this.#request = request;
    this.spec = spec;
  }

  /**
   * Starts every process that the hot window needs, plugs the network. `descriptors`: see externalDescriptors.
   * `hold`: see PageStore.
   */
  async arm(descriptors: string[], hold: string | null): Promise<void> {
    const facts = await this.#deps.engine.facts(this.spec.id);
    if (!facts) throw notPrepared(this.spec.name);
    const imagesDir = join(this.#directory, 'images');
    this.#images = new ImageReceiver(imagesDir);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await this.#deps.files.placeHistory(this.#request.migration, facts, this.spec.id);
    this.#pages = this.#deps.pages.store(this.#request.migration, this.spec.id);
    const lazy = this.#pages?.restore === 'lazy';
    const external = this.#deps.files.externalMounts(this.#request.migration, this.spec.id);
    await writeCriuConfig(this.#deps.runDir, this.spec.id, external);
    this.#restore = await ArmedRestore.arm({
      containerId: facts.containerId,
      runDir: this.#deps.runDir,
      imagesDir,
      descriptors,
      lazy,
      start: () => this.#deps.engine.startCompute(this.spec.id),
    });
    await this.#pages?.placeImagesIn(imagesDir);
    if (lazy) await this.#pages?.serve(this.#restore.workDir);
    if (lazy) await this.#pages?.watch(await watchSocket(this.#deps.runDir, this.spec.id));
    if (lazy && hold !== null) await this.#pages?.hold(hold);
    // Only now has the engine mounted the writable layer.
    await this.#deps.network.prepareArrival(this.spec.id);
    [this.#network, this.#files] = await Promise.all([
      this.#startNetwork(),
      this.#deps.files.armReceivers(this.#request.migration, facts, this.spec.id),
    ]);
    await this.#network.plug();
  }

  async announce(neighbours: Neighbour[]): Promise<void> {
    await this.#network?.announce(neighbours);
  }

  receiveImage(name: string, stream: Readable): Promise<void> {
    if (!this.#images) throw notPrepared(this.spec.name);
    return this.#images.receive(name, stream);
  }

  async receiveFiles(root: string, stream: Readable): Promise<void> {
    const receiver = this.#files.find((file) => file.root === root);
    if (!receiver) throw new Error(`no tree of files named ${root}`);
    await pipeline(stream, receiver.stream);
    await receiver.done;
  }

  /** Connections to the outside that live on another device: from now on their packets go there. */
  async receiveFlows(stream: Readable): Promise<void> {
    await this.#deps.network.flows.steer(this.spec.address.ip, flowsSchema.parse(await json(stream)));
  }

  async receiveLog(stream: Readable): Promise<void> {
    if (!this.#restore) throw notPrepared(this.spec.name);
    this.#log.done = replayLog(stream, this.#restore.output);
    this.#log.arrived.wake();
    await this.#log.done;
  }

  /**
   * Restores from what has arrived; resolves when the processes run behind shut queues and every file is on disk.
   * `arrived` is called once everything is here.
   */
  async restore(manifest: Manifest['computes'][number], arrived: () => Promise<void>): Promise<void> {
    if (!this.#images || !this.#restore) throw notPrepared(this.spec.name);
    const restore = this.#restore;
    const pages = this.#pages;
    await Promise.all([
      this.#images.complete(manifest.images, (name) => this.#imageOf(name)),
      Promise.all(this.#files.map((file) => file.done)),
      this.#log.arrived.next().then(() => this.#log.done),
    ]);
    await arrived();
    const restored = pages?.restore === 'lazy' ? this.#restoreLazily(restore, pages) : restore.go();
    await Promise.all([restored, Promise.all(this.#files.map((file) => file.flushed))]);
  }

  /** The processes exist when CRIU has ended; they may run when all that has changed is here, and whoever fills it in. */
  async #restoreLazily(restore: ArmedRestore, pages: PageStore): Promise<void> {
    const restored = restore.go();
    // Without its pages CRIU waits for ever. Pages that have failed because CRIU has are no news: its own words come then.
    const broken = pages.broken.catch(async (error: unknown) => {
      await Promise.race([restored, pause(WORDS_MS)]);
      throw error;
    });
    await Promise.race([restored, broken]);
    await pages.guard(await findFreezer(await restore.pid()));
    await pages.serving();
  }

  async #imageOf(name: string): Promise<void> {
    if (!this.#pages) throw notPrepared(this.spec.name);
    await this.#pages.image(name);
  }

  /** Leaves a mark that this copy is complete; it is on tmpfs and ends with the copy at a reboot. */
  async markReady(): Promise<void> {
    await writeFile(join(this.#directory, 'ready'), '', { mode: 0o600 });
  }

  /** Recovery: whether a complete, shut copy of an earlier worker's restore is still here. */
  async relocate(): Promise<boolean> {
    const marked = await exists(join(this.#directory, 'ready'));
    const facts = await this.#deps.engine.facts(this.spec.id);
    if (!marked || !facts || facts.state !== 'running') return false;
    this.#network = await this.#startNetwork();
    return true;
  }

  /** After a long hold the queues' buckets refill: out of the network until the end is known. */
  async withdraw(): Promise<void> {
    await this.#network?.withdraw();
  }

  async attach(): Promise<void> {
    await this.#network?.attach();
  }

  /** Past the commit point: lets everything that waits go. */
  async open(): Promise<void> {
    if (!this.#network) return this.#startAfresh();
    try {
      await this.#network.unplug();
    } catch (error) {
      // A tool that has failed once is of no more use: the next try does without, and loses what was queued.
      await this.#network.close();
      this.#network = null;
      throw error;
    }
  }

  /** The compute serves: clears what the arrival needed. */
  async settle(): Promise<void> {
    await this.#restore?.settled();
    await this.#network?.close();
    await this.#deps.network.finishArrival(this.spec.id);
    await this.#clear();
  }

  /** Ends the copy and all that was prepared for it. Nothing there is no error. */
  async discard(): Promise<void> {
    // Off the network before anything is ended, so that no FIN or RST of the copy leaves.
    await this.#deps.network.remove(this.spec.id);
    await this.#restore?.cancel();
    await Promise.all(this.#files.map((file) => file.cancel().catch(() => undefined)));
    await this.#network?.close();
    await this.#deps.engine.removeCompute(this.spec.id, { volumes: true });
    // Only now is no process left that could read zeros.
    await this.#pages?.discard();
    await this.#clear();
  }

  /** An owner whose copy is gone starts again from its files. */
  async #startAfresh(): Promise<void> {
    const sandbox = await this.#deps.engine.ensureSandbox(this.spec);
    await this.#deps.network.prepare(this.spec, sandbox.pid);
    if (!this.#restore) await this.#deps.engine.startCompute(this.spec.id);
    await this.#deps.network.clearQueues(this.spec.id, sandbox.pid);
    await this.#deps.network.open(this.spec, sandbox.pid);
  }

  async #startNetwork(): Promise<HotTarget> {
    const sandbox = await this.#deps.engine.sandbox(this.spec.id);
    if (!sandbox) throw notPrepared(this.spec.name);
    const localMac = (await readFile(`/sys/class/net/${vethName(this.spec.id)}/address`, 'utf8')).trim();
    const { address, id } = this.spec;
    return HotTarget.start(
      { computeId: id, mac: address.mac, bridge: this.#deps.network.bridge, sandboxPid: sandbox.pid },
      localMac,
    );
  }

  get #directory(): string {
    return imagesDirectory(this.#deps.runDir, this.#request.transfer, this.spec.id);
  }

  async #clear(): Promise<void> {
    await rm(join(this.#deps.runDir, 'images', this.#request.transfer), { recursive: true, force: true });
    [this.#restore, this.#network, this.#files, this.#images] = [null, null, [], null];
  }
}

function notPrepared(name: string): DrayageError {
  return new DrayageError({
    code: 'targetNotPrepared',
    message: `The target has nothing prepared for compute ${name}.`,
    mend: 'The worker of the target was restarted meanwhile; try again.',
  });
}
