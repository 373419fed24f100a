import { setTimeout as pause } from 'node:timers/promises';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createApplicationActivities } from '../../activities/device/application.ts';
import { createComputeActivities } from '../../activities/device/compute.ts';
import { createMemoryActivities } from '../../activities/device/memory.ts';
import { createMigrationActivities } from '../../activities/device/migration.ts';
import { createSnapshotActivities } from '../../activities/device/snapshot.ts';
import { deviceTaskQueue } from '../../core/device.ts';
import { BuildLog } from '../../device/control/buildLog.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { LiveIdentity } from '../../device/control/liveIdentity.ts';
import type { Device } from '../../device/device.ts';
import type { ExecSessions } from '../../device/engine/execSessions.ts';
import type { ImageFetcher } from '../../device/images/imageFetcher.ts';
import type { TransferTable } from '../../device/ownership/transferTable.ts';
import type { Placements } from './placements.ts';

/** In the control plane's own certificate, whatever its address. */
const CONTROL_NAME = 'control';
const AGAIN_MS = 1000;

/** How a worker polls, and how long it takes leave. */
export type Polling = Pick<
  WorkerOptions,
  'activityTaskPollerBehavior' | 'shutdownGraceTime' | 'shutdownForceTime'
>;

/**
 * Of a device's own process. The second poll takes the next task while the first is answered; a Temporal server lets 1,200
 * wait in a namespace (`frontend.namespaceCount`).
 */
export const POLLING: Polling = {
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
  shutdownGraceTime: '2 seconds',
  shutdownForceTime: '5 seconds',
};

interface Deps {
  identity: LiveIdentity;
  device: Device;
  sessions: ExecSessions;
  placements: Pick<Placements, 'refresh'>;
  table: TransferTable;
  control: ControlClient;
  images: ImageFetcher;
  /** What the machine has free, bytes. */
  memoryAvailable: () => Promise<number>;
  polling: Polling;
  log: Logger;
}

/** Polls the device's own task queue; a Temporal server that is away is waited for. */
export class ActivityRunner {
  readonly #deps: Deps;
  /** The one that polls now. */
  #worker: Worker | null = null;

  constructor(deps: Deps) {
    this.#deps = deps;
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

  /**
   * Speaks to the gateway with this device's newest certificate from now on; what is under way goes on. A gateway that is away
   * is waited for, as long as the worker polls.
   */
  async renew(): Promise<void> {
    const worker = this.#worker;
    while (worker !== null && worker === this.#worker) {
      try {
        const connection = await this.#connect();
        if (worker !== this.#worker) return await connection.close();
        const before = worker.connection;
        worker.connection = connection;
        await before?.close();
        return;
      } catch (error) {
        this.#deps.log.warn(
          { error: String(error) },
          'Temporal cannot be asked with the new certificate yet',
        );
        await pause(AGAIN_MS);
      }
    }
  }

  #connect(): Promise<NativeConnection> {
    const { temporal, ca, certificate, key } = this.#deps.identity.current;
    return NativeConnection.connect({
      address: temporal.address,
      // The control plane's gateway: it proves who it is, and lets this device have its own tasks.
      tls: {
        serverRootCACertificate: Buffer.from(ca),
        serverNameOverride: CONTROL_NAME,
        clientCertPair: { crt: Buffer.from(certificate), key: Buffer.from(key) },
      },
    });
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { polling } = this.#deps;
    const identity = this.#deps.identity.current;
    const connection = await this.#connect();
    try {
      const worker = await Worker.create({
        connection,
        namespace: identity.temporal.namespace,
        taskQueue: deviceTaskQueue(identity.deviceId),
        identity: identity.deviceId,
        activities: this.#activities(),
        maxHeartbeatThrottleInterval: '1 second',
        defaultHeartbeatThrottleInterval: '1 second',
        ...polling,
      });
      this.#worker = worker;
      // Renewed since it was connected.
      if (identity !== this.#deps.identity.current) void this.renew();
      const stop = () => worker.shutdown();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      await worker.run();
      signal.removeEventListener('abort', stop);
    } finally {
      const last = this.#worker?.connection ?? connection;
      this.#worker = null;
      await last.close();
    }
  }

  #activities() {
    const { device, sessions, placements, table, control, images, memoryAvailable } = this.#deps;
    const compute = createComputeActivities({
      device,
      sessions,
      fetchImage: (image, watch) => images.fetch(image, watch),
      // What it does not hear now it hears within half a minute.
      placementsChanged: () => placements.refresh().catch(() => undefined),
    });
    return {
      ...compute,
      ...createApplicationActivities({
        builder: device.builder,
        engine: device.engine,
        control,
        openLog: (app) => new BuildLog((from, lines) => control.appLog(app, from, lines)),
      }),
      ...createMemoryActivities({ device, control }),
      ...createSnapshotActivities({ device, sessions, control, memoryAvailable }),
      ...createMigrationActivities({
        device,
        sessions,
        table,
        control,
        ensureImage: (spec) => compute.ensureImage(spec),
      }),
    };
  }
}
