import { setTimeout as pause } from 'node:timers/promises';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createApplicationActivities } from '../../activities/device/application.ts';
import { createComputeActivities } from '../../activities/device/compute.ts';
import { createMemoryActivities } from '../../activities/device/memory.ts';
import { createMigrationActivities } from '../../activities/device/migration.ts';
import { deviceTaskQueue } from '../../core/device.ts';
import { BuildLog } from '../../device/control/buildLog.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { StoredIdentity } from '../../device/control/identityStore.ts';
import type { Device } from '../../device/device.ts';
import type { ExecSessions } from '../../device/engine/execSessions.ts';
import type { TransferTable } from '../../device/ownership/transferTable.ts';
import type { Placements } from './placements.ts';

/** In the control plane's own certificate, whatever its address. */
const CONTROL_NAME = 'control';
const AGAIN_MS = 1000;

/** How a worker polls, and how long it takes leave. */
export type Polling = Pick<
  WorkerOptions,
  'maxConcurrentActivityTaskPolls' | 'shutdownGraceTime' | 'shutdownForceTime'
>;

/** Of a device's own process. */
export const POLLING: Polling = {
  maxConcurrentActivityTaskPolls: 2,
  shutdownGraceTime: '2 seconds',
  shutdownForceTime: '5 seconds',
};

interface Deps {
  identity: StoredIdentity;
  device: Device;
  sessions: ExecSessions;
  placements: Pick<Placements, 'refresh'>;
  table: TransferTable;
  control: ControlClient;
  polling: Polling;
  log: Logger;
}

/** Polls the device's own task queue; a Temporal server that is away is waited for. */
export class ActivityRunner {
  readonly #deps: Deps;

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

  async #once(signal: AbortSignal): Promise<void> {
    const { identity, polling } = this.#deps;
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
        maxHeartbeatThrottleInterval: '1 second',
        defaultHeartbeatThrottleInterval: '1 second',
        ...polling,
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
    const { device, sessions, placements, table, control } = this.#deps;
    const fetchImage = (imageId: string) => control.imageArchive(imageId);
    const compute = createComputeActivities({
      device,
      sessions,
      fetchImage,
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
