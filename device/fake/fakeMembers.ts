import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { DrayageError } from '../../core/cause.ts';
import type { ComputeSpec } from '../../core/compute.ts';
import type { Manifest } from '../../core/linkMessages.ts';
import { exists } from '../exists.ts';
import type { OpenStream, SourcePart, TargetPart } from '../ownership/members.ts';
import type { TransferRequest } from '../ownership/ports.ts';
import { imagesDirectory } from '../ownership/sourceMember.ts';
import type { Container, Containers } from './containers.ts';
import type { FakeMemory } from './fakeMemory.ts';
import type { Life } from './life.ts';
import { programStateSchema } from './program.ts';

/** Starting on a device what a hot window needs, milliseconds. */
const ARM_MS = 150;
/** A few milliseconds: freezing, plugging, telling the network. */
const MOMENT_MS = 4;
/** The only image: what of the program moves. It goes over the real link. */
const IMAGE = 'program.json';

interface Deps {
  runDir: string;
  containers: Containers;
  memory: FakeMemory;
  life: Life;
  losePower: () => void;
}

/** A compute that leaves a fake device. */
export class FakeSource implements SourcePart {
  readonly spec: ComputeSpec;
  readonly #deps: Deps;
  readonly #request: TransferRequest;
  #armedFor = 0;
  #sent = 0;

  constructor(deps: Deps, request: TransferRequest, spec: ComputeSpec) {
    this.#deps = deps;
    this.#request = request;
    this.spec = spec;
  }

  get sent(): number {
    return this.#sent;
  }

  async arm(): Promise<void> {
    this.#armedFor = this.#running().pid;
    await this.#deps.life.takes(ARM_MS);
  }

  async relocate(): Promise<void> {}

  async refresh(): Promise<void> {
    if (this.#running().pid === this.#armedFor) return;
    throw new DrayageError({
      code: 'computeRestarted',
      message: `Compute ${this.spec.name} ended while its memory was being copied.`,
      mend: 'Move it again once it runs; see its log for why it ended.',
    });
  }

  async freeze(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
    this.#deps.containers.pause(this.#running());
  }

  async frozen(): Promise<boolean> {
    return this.#container()?.state === 'paused';
  }

  async neighbours(): Promise<[]> {
    return [];
  }

  async mute(): Promise<void> {}

  async detach(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
  }

  async send(open: OpenStream, onDumped: () => void): Promise<Manifest['computes'][number]> {
    const { id } = this.spec;
    const { program } = this.#running();
    await this.#deps.life.takes(program.dumpMs);
    onDumped();
    const image = Buffer.from(JSON.stringify(program.state));
    await send(open(`images/${id}/${IMAGE}`), image);
    await send(open(`log/${id}`), Buffer.alloc(0));
    this.#sent += image.length;
    const entry = { name: IMAGE, bytes: image.length, crc: crc32(image), packed: false, referenced: false };
    return { id, images: [entry], roots: [], logBytes: 0 };
  }

  async memorySent(): Promise<void> {
    this.#sent += await this.#deps.memory.finish(this.#request.migration);
  }

  async sendFlows(): Promise<void> {}

  async thaw(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
    const container = this.#container();
    if (container?.state === 'paused') this.#deps.containers.resume(container);
  }

  async kill(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
    const container = this.#container();
    if (container) this.#deps.containers.end(container, 137, true);
  }

  async clear(): Promise<void> {
    await this.#deps.life.lives();
    this.#deps.containers.remove(this.spec.id);
  }

  async disarm(): Promise<void> {}

  #container(): Container | null {
    return this.#deps.containers.find(this.spec.id);
  }

  #running(): Container {
    const container = this.#container();
    if (container && container.pid > 0) return container;
    throw new DrayageError({
      code: 'computeNotRunning',
      message: `Compute ${this.spec.name} does not run on this device.`,
      mend: 'Start it first; only a running compute can be moved live.',
    });
  }
}

/** A compute that comes to a fake device. */
export class FakeTarget implements TargetPart {
  readonly spec: ComputeSpec;
  readonly #deps: Deps;
  readonly #directory: string;
  readonly #image = Promise.withResolvers<string>();

  constructor(deps: Deps, request: TransferRequest, spec: ComputeSpec) {
    this.#deps = deps;
    this.#directory = imagesDirectory(deps.runDir, request.transfer, spec.id);
    this.spec = spec;
  }

  async arm(): Promise<void> {
    this.#prepared();
    await mkdir(this.#directory, { recursive: true });
    await this.#deps.life.takes(ARM_MS);
  }

  async announce(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
  }

  async receiveImage(_name: string, stream: Readable): Promise<void> {
    this.#image.resolve(await text(stream));
  }

  async receiveFiles(_root: string, stream: Readable): Promise<void> {
    await text(stream);
  }

  async receiveFlows(stream: Readable): Promise<void> {
    await text(stream);
  }

  async receiveLog(stream: Readable): Promise<void> {
    await text(stream);
  }

  async restore(_part: Manifest['computes'][number], arrived: () => Promise<void>): Promise<void> {
    const { life, containers, losePower } = this.#deps;
    const state = programStateSchema.parse(JSON.parse(await this.#image.promise));
    const container = this.#prepared();
    const { restoreMs, told } = container.program;
    await arrived();
    await life.takes(restoreMs);
    if (told.FAKE_MOVE === 'rollBack') throw toldToFail(this.spec.name);
    if (told.FAKE_MOVE === 'targetDies') {
      losePower();
      await life.lives();
    }
    containers.run(container, state);
  }

  async markReady(): Promise<void> {
    await writeFile(join(this.#directory, 'ready'), '');
  }

  async relocate(): Promise<boolean> {
    const marked = await exists(join(this.#directory, 'ready'));
    return marked && this.#deps.containers.find(this.spec.id)?.state === 'running';
  }

  async withdraw(): Promise<void> {}

  async attach(): Promise<void> {}

  async open(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
    const container = this.#prepared();
    // An owner whose copy is gone starts again.
    if (container.pid === 0) this.#deps.containers.run(container);
  }

  async settle(): Promise<void> {
    await this.#clear();
  }

  async discard(): Promise<void> {
    await this.#deps.life.takes(MOMENT_MS);
    this.#deps.containers.remove(this.spec.id);
    await this.#clear();
  }

  async #clear(): Promise<void> {
    await rm(join(this.#directory, '..'), { recursive: true, force: true });
  }

  #prepared(): Container {
    const container = this.#deps.containers.find(this.spec.id);
    if (container) return container;
    throw new DrayageError({
      code: 'targetNotPrepared',
      message: `The target has nothing prepared for compute ${this.spec.name}.`,
      mend: 'The worker of the target was restarted meanwhile; try again.',
    });
  }
}

async function send(stream: Writable, content: Buffer): Promise<void> {
  stream.end(content);
  await finished(stream, { readable: false });
}

function toldToFail(name: string): DrayageError {
  return new DrayageError({
    code: 'restoreFailed',
    message: `Compute ${name} could not be restored: it was told to fail (FAKE_MOVE=rollBack).`,
    mend: 'Make it without FAKE_MOVE.',
  });
}
