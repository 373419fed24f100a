import { setTimeout as pause } from 'node:timers/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import {
  DefaultLogger,
  type MetricsExporterConfig,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { Connection } from '@temporalio/client';
import { sql } from 'drizzle-orm';
import { createControlActivities } from '../activities/control.ts';
import { createEvacuationActivities } from '../activities/evacuation.ts';
import { prepareStore } from '../api/images/store.ts';
import { createLogger } from '../api/logger.ts';
import { openAuthority } from '../api/pki/authority.ts';
import { runPull } from '../api/registries/pull.ts';
import { connectionOptions } from '../api/temporalSettings.ts';
import { DrayageError } from '../core/cause.ts';
import { CONTROL_TASK_QUEUE } from '../core/device.ts';
import { openDatabase } from '../db/database.ts';
import { exists } from '../device/exists.ts';
import { SearchAttribute } from '../workflows/contract.ts';
import { readControlConfig, type ControlConfig } from './controlConfig.ts';
import { serveReadiness } from './controlHealth.ts';
import { sayFailure } from './sayFailure.ts';
import { workflowBundle } from './workflowBundle.ts';

/** The control worker: all workflows, and the activities that touch the database. Ends on SIGINT and SIGTERM. */
const config = readConfigOrExit();
const { temporal } = config;
const log = createLogger(config.logLevel);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

/** How long a Temporal server that is away is waited for before it is tried again, milliseconds. */
const AGAIN_MS = 1000;

/** temporal.api.enums.v1.IndexedValueType */
const KEYWORD = 2;
/** gRPC's PERMISSION_DENIED and UNIMPLEMENTED. */
const NOT_OURS = [7, 12];

Runtime.install({
  logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
    log[level === 'ERROR' ? 'error' : 'warn']({ ...meta }, message),
  ),
  ...(config.metricsListen && { telemetryOptions: { metrics: sdkMetrics(config.metricsListen) } }),
});
const database = openDatabase(config.databaseUrl, { connections: config.databasePool });
/** Of the worker that asks for tasks right now; null between two attempts to reach Temporal. */
let polling: NativeConnection | null = null;
const health =
  config.listen &&
  (await serveReadiness(config.listen, {
    database: () => database.db.execute(sql`select 1`),
    temporal: async () => {
      if (polling === null) throw new Error('no worker asks for tasks');
      await polling.workflowService.describeNamespace({ namespace: temporal.namespace });
    },
  }));
const bundleLogger = new DefaultLogger('WARN', ({ message, meta }) => log.warn({ ...meta }, message));
const bundle: WorkflowBundleOption =
  config.workflowBundle === null
    ? await workflowBundle(config.cache, bundleLogger)
    : { codePath: config.workflowBundle };
while (!stop.signal.aborted) {
  try {
    await serve(bundle);
  } catch (error) {
    log.warn({ error: String(error) }, 'Temporal is away');
    await pause(AGAIN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}
await health?.close();
await database.close();
process.exit(0);

/** The SDK answers at /metrics there by itself. Names and units as Prometheus has them: seconds, `_total`. */
function sdkMetrics({ host, port }: NonNullable<ControlConfig['metricsListen']>): MetricsExporterConfig {
  const bindAddress = `${isIPv6(host) ? `[${host}]` : host}:${String(port)}`;
  const prometheus = {
    bindAddress,
    countersTotalSuffix: true,
    unitSuffix: true,
    useSecondsForDurations: true,
  };
  return { prometheus };
}

function readConfigOrExit(): ControlConfig {
  try {
    return readControlConfig(process.env);
  } catch (error) {
    sayFailure(error);
    process.exit(1);
  }
}

/**
 * Temporal's own UI filters by them; a server that is not ours may not know them yet. Where this worker may not add them
 * (a hosted Temporal), whoever runs that server does.
 */
async function registerSearchAttributes(): Promise<void> {
  const connection = await Connection.connect(connectionOptions(temporal));
  try {
    const { namespace } = temporal;
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = Object.values(SearchAttribute).filter((name) => !(name in customAttributes));
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    if (missing.length > 0)
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (!NOT_OURS.includes((error as { code?: number }).code ?? 0)) throw error;
    log.warn(
      { attributes: Object.values(SearchAttribute) },
      "Temporal's search attributes are not ours to add",
    );
  } finally {
    await connection.close();
  }
}

/** Gets an image from its registry into the API's data directory, whose key opens the password for it. */
async function pull(pullId: string, signal: AbortSignal): Promise<void> {
  const { dataDir, imageMaxBytes, registries } = config;
  // The API makes it: a directory without it is another one.
  if (dataDir === null || !(await exists(join(dataDir, 'pki', 'ca.json')))) throw pullsOff();
  await prepareStore(dataDir);
  const authority = await openAuthority(join(dataDir, 'pki'));
  const context = { config: { dataDir, imageMaxBytes }, db: database.db, authority, registries };
  await runPull(context, pullId, signal);
}

function pullsOff(): DrayageError {
  return new DrayageError({
    code: 'pullsOff',
    message: "The control worker has not got the API's data directory, where images from registries go.",
    mend: 'Give it the same DRAYAGE_DATA_DIR as the API.',
  });
}

async function serve(bundle: WorkflowBundleOption): Promise<void> {
  await registerSearchAttributes();
  const connection = await NativeConnection.connect(connectionOptions(temporal));
  try {
    const worker = await Worker.create({
      connection,
      namespace: temporal.namespace,
      taskQueue: CONTROL_TASK_QUEUE,
      workflowBundle: bundle,
      activities: {
        ...createControlActivities(database.db, pull),
        ...createEvacuationActivities(database.db, config.placement),
      },
      shutdownGraceTime: '2 seconds',
      shutdownForceTime: '5 seconds',
    });
    const end = () => worker.shutdown();
    stop.signal.addEventListener('abort', end, { once: true });
    if (stop.signal.aborted) end();
    log.info({ taskQueue: CONTROL_TASK_QUEUE }, 'the control worker is ready');
    polling = connection;
    await worker.run();
    stop.signal.removeEventListener('abort', end);
  } finally {
    polling = null;
    await connection.close();
  }
}
