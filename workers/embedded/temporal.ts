import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { connectionOptions, type TemporalSettings } from '../../api/temporalSettings.ts';
import { DrayageError } from '../../core/cause.ts';
import type { Part } from './part.ts';
import type { Settings } from './settings.ts';

/** What migrations are found by in Temporal's own UI. */
const SEARCH_ATTRIBUTES = ['DrayageCompute', 'DrayageSource', 'DrayageTarget', 'DrayageOutcome'];

/** Temporal's number for the kind of a task queue. */
const WORKFLOW_TASKS = 1;
/** A server that is up answers in milliseconds. */
const ANSWER_TIMEOUT_MS = 2_000;

/** Temporal's development server: the real server, its records in one SQLite file. */
export async function temporalPart(settings: Settings): Promise<Part> {
  const binary = await findTemporal(settings);
  const { host, port } = settings.DRAYAGE_TEMPORAL_LISTEN;
  const ui = settings.DRAYAGE_TEMPORAL_UI_LISTEN;
  const args = [
    ...['server', 'start-dev', '--log-level', 'warn', '--log-format', 'json'],
    ...['--namespace', settings.TEMPORAL_NAMESPACE],
    ...['--db-filename', join(settings.DRAYAGE_DATA_DIR, 'temporal.sqlite')],
    ...['--ip', host, '--port', String(port), '--ui-ip', ui.host, '--ui-port', String(ui.port)],
    // As many polls may wait as devices have them: two each.
    ...['--dynamic-config-value', 'frontend.namespaceCount=100000'],
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
  return {
    name: 'temporal',
    prepare: () => Promise.resolve(),
    command: () => ({ file: binary, args, env: { ...process.env } }),
    isReady: () =>
      answers({
        address: `${host}:${port}`,
        namespace: settings.TEMPORAL_NAMESPACE,
        tls: null,
        apiKey: null,
      }),
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 4_000,
    orphanSignal: 'SIGKILL',
  };
}

/** Whether a Temporal server at that address has the namespace. */
async function answers(temporal: TemporalSettings): Promise<boolean> {
  return ask(temporal, async ({ workflowService }) => {
    await workflowService.describeNamespace({ namespace: temporal.namespace });
    return true;
  });
}

/** Whether a worker asks that server for workflow tasks of the queue. */
export async function hasPoller(temporal: TemporalSettings, taskQueue: string): Promise<boolean> {
  return ask(temporal, async ({ workflowService }) => {
    const { namespace } = temporal;
    const request = { namespace, taskQueue: { name: taskQueue }, taskQueueType: WORKFLOW_TASKS };
    const { pollers } = await workflowService.describeTaskQueue(request);
    return (pollers ?? []).length > 0;
  });
}

async function ask<T>(
  temporal: TemporalSettings,
  question: (connection: Connection) => Promise<T>,
): Promise<T> {
  const options = { ...connectionOptions(temporal), connectTimeout: ANSWER_TIMEOUT_MS };
  const connection = await Connection.connect(options);
  try {
    return await connection.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () => question(connection));
  } finally {
    await connection.close();
  }
}

/** The binary: on PATH, or where `scripts/run.sh` has put it. */
async function findTemporal(settings: Settings): Promise<string> {
  const cache =
    settings.DRAYAGE_CACHE ??
    join(process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '', '.cache'), 'drayage');
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'temporal'));
  for (const candidate of [...onPath, join(cache, 'temporal-1.5.1/temporal')]) {
    if (
      await access(candidate, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return candidate;
  }
  throw new DrayageError({
    code: 'noTemporal',
    message: "Temporal's server is not on PATH and not in the cache.",
    mend: 'Start the control plane by `npm run control`, which fetches it, or set TEMPORAL_ADDRESS to a running server.',
  });
}
