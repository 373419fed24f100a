import { cancellationSignal } from '@temporalio/activity';
import { Transform, type Readable } from 'node:stream';
import type { ComputeSpec } from '../../core/compute.ts';
import { DrayageError } from '../../core/cause.ts';
import type { Device } from '../../device/device.ts';
import type { ExecSessions } from '../../device/engine/execSessions.ts';
import { beating } from '../beating.ts';
import { withFailures } from '../failure.ts';

export interface ComputeDeps {
  device: Pick<Device, 'engine' | 'network' | 'releaseFrozen' | 'computeCounters'>;
  sessions: Pick<ExecSessions, 'letIn'>;
  /** What the control plane has placed here has changed. */
  placementsChanged: () => Promise<void>;
  /** Gets an image onto the device; what comes of it passes through `watch`. */
  fetchImage: (image: ComputeSpec['image'], watch: (archive: Readable) => Readable) => Promise<void>;
}

/** A device's part in making, starting, stopping and removing computes. Each finds what an earlier attempt has done. */
export function createComputeActivities({ device, sessions, placementsChanged, fetchImage }: ComputeDeps) {
  const { engine, network } = device;

  /** Sandbox, interface and container; none of them runs the compute yet. */
  async function make(spec: ComputeSpec): Promise<number> {
    const { pid } = await engine.ensureSandbox(spec);
    await network.prepare(spec, pid);
    await engine.createCompute(spec);
    return pid;
  }

  return withFailures({
    /** Has the image on the device; heartbeats say how many bytes have come. */
    async ensureImage(spec: Pick<ComputeSpec, 'image'>): Promise<void> {
      let imageBytes = 0;
      await beating(
        async () => {
          if (await engine.hasImage(spec.image.digest)) return;
          await fetchImage(spec.image, (archive) => counted(archive, (bytes) => (imageBytes = bytes)));
        },
        () => ({ imageBytes }),
      );
    },

    async createCompute(spec: ComputeSpec): Promise<void> {
      await beating(() => make(spec));
    },

    /** Starts the compute and opens its network; makes what is missing, as after the device's restart. */
    async startCompute(spec: ComputeSpec): Promise<void> {
      await beating(async () => {
        sessions.letIn(spec.id);
        const sandboxPid = await make(spec);
        await engine.startCompute(spec.id);
        await network.open(spec, sandboxPid);
      });
    },

    /** Gives a compute, running or not, the limits of the spec. What else is new of it is the control plane's to tell. */
    async updateCompute(spec: ComputeSpec): Promise<void> {
      await beating(async () => {
        await requireMemory(device, spec);
        await engine.updateLimits(spec);
        await placementsChanged();
      });
    },

    /** SIGTERM, after the grace SIGKILL. It keeps its network until it has ended. */
    async stopCompute(computeId: string, graceSeconds: number): Promise<void> {
      await beating(async () => {
        await device.releaseFrozen(computeId);
        await engine.stopCompute(computeId, graceSeconds);
        await network.remove(computeId);
      });
    },

    /** Removes containers, network and volumes. */
    async removeCompute(computeId: string): Promise<void> {
      await beating(async () => {
        await device.releaseFrozen(computeId);
        await network.remove(computeId);
        await engine.removeCompute(computeId, { volumes: true });
      });
    },
  });
}

/** The engine would end the compute, or the kernel refuse. */
async function requireMemory(
  device: Pick<Device, 'computeCounters'>,
  { id, name, memoryBytes }: ComputeSpec,
): Promise<void> {
  if (memoryBytes === undefined) return;
  const counters = await device.computeCounters(id, 0);
  if (!counters || counters.memoryBytes < memoryBytes) return;
  const [uses, asked] = [counters.memoryBytes, memoryBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
  throw new DrayageError({
    code: 'memoryInUse',
    message: `Compute ${name} uses ${String(uses)} MiB of memory, more than the limit of ${String(asked)} MiB that was asked for.`,
    mend: 'Give it more than it uses, or stop it first.',
  });
}

export type ComputeActivities = ReturnType<typeof createComputeActivities>;

/** The stream with its bytes counted; it ends when the activity is cancelled. */
function counted(stream: Readable, progress: (bytes: number) => void): Readable {
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      progress((bytes += chunk.length));
      done(null, chunk);
    },
  });
  const signal = cancellationSignal();
  const cancel = (): void => void stream.destroy(new Error('cancelled'));
  signal.addEventListener('abort', cancel, { once: true });
  stream.once('error', (error) => count.destroy(error));
  count.once('close', () => {
    signal.removeEventListener('abort', cancel);
    stream.destroy();
  });
  return stream.pipe(count);
}
