import { setTimeout as pause } from 'node:timers/promises';
import { NativeConnection, Runtime, Worker, DefaultLogger } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createComputeActivities } from '../../activities/device/compute.ts';
import { createMemoryActivities } from '../../activities/device/memory.ts';
import { createMigrationActivities } from '../../activities/device/migration.ts';
import { deviceTaskQueue } from '../../core/device.ts';
import { findFreezer, killFrozen } from '../../device/checkpoint/cgroupFreezer.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { StoredIdentity } from '../../device/control/identityStore.ts';
import type { Engine } from '../../device/engine/types.ts';
import type { Failpoint } from '../../device/failpoints.ts';
import type { FileSync } from '../../device/files/fileSync.ts';
import type { MemoryMoves } from '../../device/memory/memoryMoves.ts';
import type { PageStores } from '../../device/memory/pageStores.ts';
import type { ComputeNetwork } from '../../device/network/computeNetwork.ts';
import type { TransferTable } from '../../device/ownership/transferTable.ts';
import type { Placements } from './placements.ts';

/** In the control plane's own certificate, whatever its address. */
const CONTROL_NAME = 'control';
const AGAIN_MS = 1000;

interface Deps {
  identity: StoredIdentity;
  engine: Engine;
  network: ComputeNetwork;
  files: FileSync;
  memory: MemoryMoves;
  pages: PageStores;
  table: TransferTable;
  control: ControlClient;
  placements: Placements;
  failpoint: (point: Failpoint) => Promise<void>;
  log: Logger;
}

/** Polls the device's own task queue; a Temporal server that is away is waited for. */
export class ActivityRunner {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
    Runtime.install({
      logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
        deps.log[level === 'ERROR' ? 'error' : 'warn']({ ...meta }, message),
      ),
    });
  }

  /** Runs until `signal` is aborted and what was under way has ended or been told so. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#once(signal);
      } catch (error) {
        this.#deps.log.warn({ error: String(error) }, 'Temporal is away');
        await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async close(): Promise<void> {
    await Runtime.instance()
      .shutdown()
      .catch(() => undefined);
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { identity } = this.#deps;
    const connection = await NativeConnection.connect({
      address: identity.temporal.address,
      // The control plane's gateway: it proves who it is, and lets this device have its own tasks.
      tls: {
        serverRootCACertificate: Buffer.from(identity.ca),
        serverNameOverride: CONTROL_NAME,
        clientCertPair: { crt: Buffer.from(identity.certificate), key: Buffer.from(identity.key) },
      },
    });
    try {
      const worker = await Worker.create({
        connection,
        namespace: identity.temporal.namespace,
        taskQueue: deviceTaskQueue(identity.deviceId),
        identity: identity.deviceId,
        activities: this.#activities(),
        maxConcurrentActivityTaskPolls: 2,
        maxHeartbeatThrottleInterval: '1 second',
        defaultHeartbeatThrottleInterval: '1 second',
        shutdownGraceTime: '2 seconds',
        shutdownForceTime: '5 seconds',
      });
      const stop = () => worker.shutdown();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      await worker.run();
      signal.removeEventListener('abort', stop);
    } finally {
      await connection.close();
    }
  }

  #activities() {
    const { engine, network, files, memory, pages, table, control, failpoint } = this.#deps;
    const fetchImage = (imageId: string) => control.imageArchive(imageId);
    const compute = createComputeActivities({
      engine,
      network,
      fetchImage,
      releaseFrozen: (computeId) =>
        pages.release(computeId, async () => {
          const facts = await engine.facts(computeId);
          if (facts && facts.pid > 0) await killFrozen(await findFreezer(facts.pid));
        }),
    });
    return {
      ...compute,
      ...createMemoryActivities({ engine, memory, pages, control, failpoint }),
      ...createMigrationActivities({
        engine,
        network,
        files,
        pages,
        table,
        control,
        failpoint,
        ensureImage: (spec) => compute.ensureImage(spec),
      }),
    };
  }
}
