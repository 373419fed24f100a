import { join } from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { openDatabase } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { createApp } from './app.ts';
import { prepareAppStore } from './apps/store.ts';
import type { ApiConfig } from './config.ts';
import type { ApiContext } from './context.ts';
import { createDeviceApp } from './deviceApp.ts';
import { ensureAdmin } from './firstStart.ts';
import { prepareStore } from './images/store.ts';
import { createMetrics } from './metrics.ts';
import { CONTROL_NAME, openAuthority } from './pki/authority.ts';
import { prepareSnapshotStore } from './snapshots/store.ts';
import { startUpkeep } from './upkeep.ts';
import { WebhookDispatcher } from './webhooks/dispatcher.ts';
import { connectWorkflows, type Workflows } from './workflows.ts';

export interface ApiServer {
  /** Where the user's API listens, e.g. http://127.0.0.1:7480. */
  url: string;
  deviceUrl: string;
  context: ApiContext;
  close(): Promise<void>;
}

/** Under which names and addresses the control plane is reached by devices. */
export function controlHosts({ advertiseHost }: Pick<ApiConfig, 'advertiseHost'>): string[] {
  return [advertiseHost, 'localhost', '127.0.0.1', CONTROL_NAME];
}

/** Starts both servers. Tests give `workflows` of their own and port 0. */
export async function startApi(
  config: ApiConfig,
  logger: FastifyBaseLogger,
  workflows?: Workflows,
): Promise<ApiServer> {
  await migrate(config.databaseUrl);
  const database = openDatabase(config.databaseUrl, { connections: config.databasePool });
  const { db } = database;
  const closers: (() => Promise<void>)[] = [() => database.close()];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    await ensureAdmin(db, config);
    await prepareStore(config.dataDir);
    await prepareAppStore(config.dataDir);
    await prepareSnapshotStore(config.dataDir);
    const authority = await openAuthority(join(config.dataDir, 'pki'));
    const identity = await authority.controlIdentity(controlHosts(config));
    const context: ApiContext = {
      config,
      db,
      authority,
      identity,
      workflows: workflows ?? connectWorkflows(config.temporal),
    };
    closers.push(() => context.workflows.close());
    const upkeep = startUpkeep(context, logger);
    closers.push(() => upkeep.stop());
    const dispatcher = new WebhookDispatcher(context, logger);
    closers.push(() => dispatcher.close());
    const metrics = createMetrics(db);
    const app = await createApp(context, logger, metrics);
    closers.push(() => app.close());
    const deviceApp = await createDeviceApp(context, logger, metrics);
    closers.push(() => deviceApp.close());
    const deviceUrl = await deviceApp.listen(config.deviceListen);
    const url = await app.listen(config.listen);
    return { url, deviceUrl, context, close };
  } catch (error) {
    await close();
    throw error;
  }
}
