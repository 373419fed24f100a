import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundle } from '@temporalio/worker';
import { asc, gt } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { createControlActivities } from '../../activities/control.ts';
import { clientFor } from '../../cli/client.ts';
import { followEvents } from '../../cli/followEvents.ts';
import type { EventView } from '../../core/api/events.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { addEvent, newestEvent } from '../../db/events.ts';
import { getMigration } from '../../db/migrationRecords.ts';
import { event } from '../../db/schema/index.ts';
import { type ApiProcess, startApiProcess } from './support/apiProcess.ts';
import { useDatabase } from './support/database.ts';
import { happened, writeEvents } from './support/eventScenes.ts';
import { fakes, roundResult, startWorkers } from './support/fakeMove.ts';
import { makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';
import { bundleWorkflows, startTemporal } from './support/temporalServer.ts';

const STREAMS = 20;
const LAST = 'the last';

const database = useDatabase('started');
const { startedDataDir, adminToken } = inject('templates');
let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundle;
let dataDir = '';
let processes: ApiProcess[] = [];

beforeAll(async () => {
  [environment, bundle] = await Promise.all([startTemporal(), bundleWorkflows()]);
});
afterAll(() => environment.teardown());
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'drayage-restart-'));
  await cp(startedDataDir, dataDir, { recursive: true });
  processes = await Promise.all([startProcess(), startProcess()]);
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  await rm(dataDir, { recursive: true, force: true });
});

const startProcess = (port?: string) =>
  startApiProcess(database.url, dataDir, port, { TEMPORAL_ADDRESS: environment.address });

interface Following {
  /** What is kept of what was heard, in that order, to the last. */
  heard: Promise<EventView[]>;
  /** Resolves when the stream is there. */
  open: Promise<void>;
  notes: string[];
}

/** Follows as the CLI does, to the event LAST. */
function follow(url: string): Following {
  const notes: string[] = [];
  let opened: () => void = () => undefined;
  const open = new Promise<void>((resolve) => (opened = resolve));
  const read = async () => {
    const heard: EventView[] = [];
    const note = (line: string) => {
      notes.push(line);
      opened();
    };
    for await (const one of followEvents(await clientFor({ url, token: adminToken }), {}, note)) {
      if (one.id === null) continue;
      heard.push(one);
      if (one.message === LAST) break;
    }
    return heard;
  };
  return { heard: read(), open, notes };
}

/** A word that somebody waits for. */
function gate(): { open: () => void; passed: Promise<void> } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

it('a move goes on and 20 streams miss and double nothing while API processes are killed and come back', async () => {
  const { db } = database;
  const compute = await makeCompute(db);
  const target = await makeDevice(db);
  const source = compute.placement!.deviceId;
  const from = await newestEvent(db);
  const streams = Array.from({ length: STREAMS }, (_, at) => follow(processes[at % 2]!.url));
  await Promise.all(streams.map(({ open }) => open));

  const faked = fakes([]);
  faked.control = createControlActivities(db, () => Promise.resolve());
  const [copying, killed] = [gate(), gate()];
  faked.source.copyRound = async ({ round }) => {
    copying.open();
    if (round > 1) await killed.passed;
    return roundResult(round, round < 3 ? 1000 : 0);
  };
  const move = async () => {
    // The workers may have taken longer to start than a device may be silent.
    for (const device of [source, target.id]) await heartbeat(db, device, makeInventory());
    const answer = await fetch(`${processes[0]!.url}/api/v1/computes/${compute.id}/migrations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
      body: JSON.stringify({ target: target.id }),
    });
    expect(answer.status).toBe(202);
    const { id, workflowId } = (await answer.json()) as { id: string; workflowId: string };
    await copying.passed;
    await processes[0]!.kill();
    killed.open();
    await writeEvents(db, 'while one is away', 2, 10);
    // The move does not need the API at all.
    await processes[1]!.kill();
    await environment.client.workflow.getHandle(workflowId).result();
    const ports = processes.map(({ url }) => new URL(url).port);
    await writeEvents(db, 'while both are away', 2, 10);
    processes = await Promise.all(ports.map(startProcess));
    await writeEvents(db, 'after', 2, 10);
    return id;
  };
  const workers = await startWorkers(environment, bundle, faked, { source, target: target.id });
  const id = await move().finally(() => workers.stop());
  await addEvent(db, happened(LAST));

  const { state, rounds } = await getMigration(db, id);
  expect(state).toBe('succeeded');
  expect(rounds.length).toBeGreaterThan(2);
  const rows = await db
    .select({ id: event.id, type: event.type })
    .from(event)
    .where(gt(event.id, from))
    .orderBy(asc(event.id));
  expect(rows.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['migration.pending', 'migration.precopying', 'migration.succeeded']),
  );
  for (const { heard, notes } of streams) {
    expect((await heard).map((one) => ({ id: one.id, type: one.type }))).toEqual(rows);
    expect(notes).toContain('the control plane is back');
  }
});
