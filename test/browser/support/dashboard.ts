import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../../db/database.ts';
import { afterEach, beforeEach } from 'vitest';
import { type ApiProcess, startApiProcess } from '../../integration/support/apiProcess.ts';
import { useDatabase } from '../../integration/support/database.ts';

export interface TestDashboard {
  readonly url: string;
  /** To put devices, computes and moves there (`test/integration/support/fixtures.ts`). */
  readonly db: Database;
  /** Ends the API as a power cut would, and starts it again at the same address. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
}

/** The dashboard with the API in a process of its own, on a database of each test's own. Temporal is away. */
export function useDashboard(): TestDashboard {
  const database = useDatabase('started');
  let dataDir = '';
  let api: ApiProcess;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'drayage-browser-'));
    api = await startApiProcess(database.url, dataDir);
  });
  afterEach(async () => {
    await api.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  return {
    get url() {
      return api.url;
    },
    get db() {
      return database.db;
    },
    restart: async (whileAway = () => Promise.resolve()) => {
      const { port } = new URL(api.url);
      await api.kill();
      await whileAway();
      api = await startApiProcess(database.url, dataDir, port);
    },
  };
}
