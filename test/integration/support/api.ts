import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';
import { createApp } from '../../../api/app.ts';
import { prepareAppStore } from '../../../api/apps/store.ts';
import { readConfig } from '../../../api/config.ts';
import type { ApiContext } from '../../../api/context.ts';
import { createDeviceApp } from '../../../api/deviceApp.ts';
import { prepareStore } from '../../../api/images/store.ts';
import { prepareSnapshotStore } from '../../../api/snapshots/store.ts';
import { type Authority, type Identity, openAuthority } from '../../../api/pki/authority.ts';
import type { WorkflowTrace } from '../../../api/migrations/readAttempts.ts';
import type { Workflows } from '../../../api/workflows.ts';
import { DrayageError } from '../../../core/cause.ts';
import type {
  AbortAnswer,
  BuildApplicationInput,
  ComputeLifecycleInput,
  EvacuateInput,
  MigrateComputeInput,
  PullImageInput,
  SnapshotComputeInput,
} from '../../../workflows/contract.ts';
import { ADMIN } from './admin.ts';
import type { AnswerBody } from './answer.ts';
import { useDatabase } from './database.ts';

export { ADMIN };

/** Temporal's place in tests of the routes: remembers what was started; `running` holds ids of workflows. */
export class FakeWorkflows implements Workflows {
  lifecycles: ComputeLifecycleInput[] = [];
  migrations: MigrateComputeInput[] = [];
  builds: BuildApplicationInput[] = [];
  pulls: PullImageInput[] = [];
  evacuations: EvacuateInput[] = [];
  /** Evacuations that were told to look at their records. */
  looks: string[] = [];
  snapshots: SnapshotComputeInput[] = [];
  running = new Set<string>();
  /** What there is of any workflow. */
  traced: WorkflowTrace | null = null;
  away = false;
  abortAnswer: AbortAnswer | null = { accepted: true, reason: 'It stops.' };

  #start(id: string): Promise<{ runId: string }> {
    if (this.away)
      return Promise.reject(new DrayageError({ code: 'temporalAway', message: 'Away.', mend: 'Wait.' }));
    if (this.running.has(id))
      return Promise.reject(new DrayageError({ code: 'workflowRunning', message: 'Busy.', mend: 'Wait.' }));
    this.running.add(id);
    return Promise.resolve({ runId: `run-${id}` });
  }

  startLifecycle(workflowId: string, input: ComputeLifecycleInput): Promise<{ runId: string }> {
    return this.#start(workflowId).then((run) => (this.lifecycles.push(input), run));
  }

  startMigration(
    { workflowId }: { workflowId: string },
    input: MigrateComputeInput,
  ): Promise<{ runId: string }> {
    return this.#start(workflowId).then((run) => (this.migrations.push(input), run));
  }

  startBuild(input: BuildApplicationInput): Promise<{ runId: string }> {
    return this.#start(input.app).then((run) => (this.builds.push(input), run));
  }

  startEvacuation(input: EvacuateInput): Promise<{ runId: string }> {
    return this.#start(input.evacuationId).then((run) => (this.evacuations.push(input), run));
  }

  lookAtEvacuation(evacuationId: string): Promise<void> {
    this.looks.push(evacuationId);
    return Promise.resolve();
  }

  keepSchedule(scheduleId: string): Promise<void> {
    return this.#start(scheduleId).then(() => undefined);
  }

  dropSchedule(scheduleId: string): Promise<void> {
    if (this.away)
      return Promise.reject(new DrayageError({ code: 'temporalAway', message: 'Away.', mend: 'Wait.' }));
    this.running.delete(scheduleId);
    return Promise.resolve();
  }

  startSnapshot(workflowId: string, input: SnapshotComputeInput): Promise<{ runId: string }> {
    return this.#start(workflowId).then((run) => (this.snapshots.push(input), run));
  }

  startPull(input: PullImageInput): Promise<{ runId: string }> {
    return this.#start(input.pullId).then((run) => (this.pulls.push(input), run));
  }

  abortMigration(_workflowId?: string): Promise<AbortAnswer | null> {
    return Promise.resolve(this.abortAnswer);
  }

  trace(): Promise<WorkflowTrace | null> {
    return Promise.resolve(this.traced);
  }

  isRunning(workflowId: string): Promise<boolean> {
    return Promise.resolve(this.running.has(workflowId));
  }

  check(): Promise<void> {
    return this.away ? Promise.reject(new Error('away')) : Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface TestApi {
  readonly context: ApiContext;
  readonly workflows: FakeWorkflows;
  readonly app: FastifyInstance;
  readonly deviceApp: FastifyInstance;
  readonly dataDir: string;
  /** As the admin, with a token. */
  call(
    method: InjectOptions['method'],
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

export interface Answer {
  status: number;
  body: AnswerBody;
  headers: Record<string, unknown>;
}

/** Both servers on a database of each test's own, after the first start, without Temporal. */
export function useApi(): TestApi {
  const database = useDatabase('started');
  const { startedDataDir, adminToken } = inject('templates');
  let authority: Authority;
  let identity: Identity;
  let pki = '';
  let dataDir = '';
  let current: {
    context: ApiContext;
    workflows: FakeWorkflows;
    app: FastifyInstance;
    deviceApp: FastifyInstance;
  };

  beforeAll(async () => {
    pki = await mkdtemp(join(tmpdir(), 'drayage-pki-'));
    authority = await openAuthority(pki);
    identity = await authority.controlIdentity(['127.0.0.1', 'localhost', 'control']);
  });
  afterAll(() => rm(pki, { recursive: true, force: true }));

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'drayage-data-'));
    await cp(startedDataDir, dataDir, { recursive: true });
    const config = readConfig({
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DRAYAGE_DATA_DIR: dataDir,
      DRAYAGE_COMPUTE_RANGE: '10.77.1.0-10.77.1.9',
      DRAYAGE_ADMIN_EMAIL: ADMIN.email,
      DRAYAGE_ADMIN_PASSWORD: ADMIN.password,
      DRAYAGE_APP_MAX_BYTES: String(16 * 2 ** 20),
      DRAYAGE_IMAGE_MAX_BYTES: String(64 * 2 ** 20),
    });
    const workflows = new FakeWorkflows();
    const context: ApiContext = { config, db: database.db, authority, identity, workflows };
    await prepareStore(dataDir);
    await prepareAppStore(dataDir);
    await prepareSnapshotStore(dataDir);
    current = {
      context,
      workflows,
      app: await createApp(context),
      deviceApp: await createDeviceApp(context),
    };
  });
  afterEach(async () => {
    await current.app.close();
    await current.deviceApp.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  return {
    get context() {
      return current.context;
    },
    get workflows() {
      return current.workflows;
    },
    get app() {
      return current.app;
    },
    get deviceApp() {
      return current.deviceApp;
    },
    get dataDir() {
      return dataDir;
    },
    call: (method, path, body, headers) => callApp(current.app, adminToken, method, path, body, headers),
  };
}

/** Asks with a secret, or with none. */
export async function callApp(
  app: FastifyInstance,
  secret: string | null,
  method: InjectOptions['method'],
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { ...(secret === null ? {} : { authorization: `Bearer ${secret}` }), ...headers },
    ...(body === undefined ? {} : { payload: body }),
  });
  const isJson = /\b(json|problem\+json)\b/.test(
    String(answer.headers['content-type'] ?? '').replace('x-ndjson', ''),
  );
  return {
    status: answer.statusCode,
    body: (isJson ? answer.json<unknown>() : answer.body) as AnswerBody,
    headers: answer.headers,
  };
}
