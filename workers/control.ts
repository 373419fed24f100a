import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { Connection } from '@temporalio/client';
import { z } from 'zod';
import { createControlActivities } from '../activities/control.ts';
import { createLogger } from '../api/logger.ts';
import { CONTROL_TASK_QUEUE } from '../core/device.ts';
import { openDatabase } from '../db/database.ts';
import { SearchAttribute } from '../workflows/contract.ts';

/** The control worker: all workflows, and the activities that touch the database. Ends on SIGINT and SIGTERM. */
const environment = z
  .object({
    DATABASE_URL: z.string().min(1),
    TEMPORAL_ADDRESS: z.string().min(1),
    TEMPORAL_NAMESPACE: z.string().default('default'),
    DRAYAGE_LOG_LEVEL: z.string().default('info'),
  })
  .parse(process.env);
const log = createLogger(environment.DRAYAGE_LOG_LEVEL);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

/** How long a Temporal server that is away is waited for before it is tried again, milliseconds. */
const AGAIN_MS = 1000;

/** temporal.api.enums.v1.IndexedValueType */
const KEYWORD = 2;

Runtime.install({
  logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
    log[level === 'ERROR' ? 'error' : 'warn']({ ...meta }, message),
  ),
});
const database = openDatabase(environment.DATABASE_URL, { connections: 8 });
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('WARN', ({ message }) => log.warn(message)),
});
while (!stop.signal.aborted) {
  try {
    await serve(workflowBundle);
  } catch (error) {
    log.warn({ error: String(error) }, 'Temporal is away');
    await pause(AGAIN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}
await database.close();
process.exit(0);

/** Temporal's own UI filters by them; a server that is not ours may not know them yet. */
async function registerSearchAttributes(): Promise<void> {
  const connection = await Connection.connect({ address: environment.TEMPORAL_ADDRESS });
  try {
    const namespace = environment.TEMPORAL_NAMESPACE;
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = Object.values(SearchAttribute).filter((name) => !(name in customAttributes));
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    if (missing.length > 0)
      await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } finally {
    await connection.close();
  }
}

async function serve(bundle: WorkflowBundleWithSourceMap): Promise<void> {
  await registerSearchAttributes();
  const connection = await NativeConnection.connect({ address: environment.TEMPORAL_ADDRESS });
  try {
    const worker = await Worker.create({
      connection,
      namespace: environment.TEMPORAL_NAMESPACE,
      taskQueue: CONTROL_TASK_QUEUE,
      workflowBundle: bundle,
      activities: createControlActivities(database.db),
      shutdownGraceTime: '2 seconds',
      shutdownForceTime: '5 seconds',
    });
    const end = () => worker.shutdown();
    stop.signal.addEventListener('abort', end, { once: true });
    if (stop.signal.aborted) end();
    log.info({ taskQueue: CONTROL_TASK_QUEUE }, 'the control worker is ready');
    await worker.run();
    stop.signal.removeEventListener('abort', end);
  } finally {
    await connection.close();
  }
}
