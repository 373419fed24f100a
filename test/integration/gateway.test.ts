import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Gateway } from '../../api/gateway/gateway.ts';
import { upstreamOf } from '../../api/gateway/upstream.ts';
import { allMethods, messageType } from '../../api/gateway/methods.ts';
import { createLogger } from '../../api/logger.ts';
import { until } from '../../core/until.ts';
import { listAudit } from '../../db/audit.ts';
import { createDevice, retireDevice } from '../../db/devices.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { useApi } from './support/api.ts';
import { id, makeInventory } from './support/fixtures.ts';
import { startTemporal } from './support/temporalServer.ts';
import { makeRequest, LIFE_SECONDS } from './support/tls.ts';

const SCHEDULE_ACTIVITY = 1;
const COMMAND = 'COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK';

const api = useApi();
let temporal: TestWorkflowEnvironment;
let gateway: Gateway;
let port: number;
const clients: Client[] = [];

beforeAll(async () => {
  temporal = await startTemporal();
}, 120_000);
afterAll(() => temporal.teardown());

beforeEach(async () => {
  const { authority, db } = api.context;
  gateway = new Gateway({
    listen: { host: '127.0.0.1', port: 0 },
    temporal: upstreamOf({ address: temporal.address, namespace: 'default', tls: null, apiKey: null }),
    identity: await authority.controlIdentity(['127.0.0.1']),
    ca: authority.certificate,
    sealKey: authority.secretFor('test'),
    db,
    log: createLogger('silent'),
  });
  port = await gateway.listen();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  gateway.close();
});

interface TestDevice {
  id: string;
  /** Calls a method of the workflow service through the gateway. */
  call(method: string, fields?: object, service?: string): Promise<Record<string, unknown>>;
}

async function makeDevice(name: string, lifeSeconds = LIFE_SECONDS): Promise<TestDevice> {
  const { authority, db } = api.context;
  const deviceId = id('device');
  const { key, csr } = await makeRequest();
  const { certificate, publicKeyHash } = await authority.signRequest(csr, deviceId, lifeSeconds);
  await createDevice(db, { id: deviceId, name, publicKeyHash, inventory: makeInventory() });
  return { id: deviceId, call: callerOf(key, certificate) };
}

function callerOf(key: string | null, certificate: string | null): TestDevice['call'] {
  const ca = Buffer.from(api.context.authority.certificate);
  const pair = [key, certificate].map((pem) => (pem === null ? null : Buffer.from(pem)));
  const client = new Client(`127.0.0.1:${String(port)}`, credentials.createSsl(ca, ...pair));
  clients.push(client);
  return (method, fields = {}, service = 'temporal.api.workflowservice.v1.WorkflowService') =>
    new Promise((resolve, reject) => {
      const request = service.endsWith('WorkflowService') ? messageType(`${method}Request`) : null;
      client.makeUnaryRequest(
        `/${service}/${method}`,
        () => Buffer.from(request ? request.encode(request.create(fields)).finish() : []),
        (message: Buffer) => messageType(`${method}Response`).decode(message) as Record<string, unknown>,
        null,
        { deadline: Date.now() + 20_000 },
        (error, response) => {
          if (error) reject(error);
          else resolve(response ?? {});
        },
      );
    });
}

/** What devices were refused, newest first. */
async function refusals() {
  const { items } = await listAudit(api.context.db, null, { limit: 10 });
  return items.filter(({ action }) => action.startsWith('temporal '));
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => status.OK,
    (error: unknown) => (error as ServiceError).code,
  );

const pollOf = (device: TestDevice) => ({
  namespace: 'default',
  taskQueue: { name: `device-${device.id}` },
  identity: 'test',
});

/** A task on a device's queue: what a workflow that asks for an activity there leads to. */
async function giveTask(device: TestDevice, workflowId: string): Promise<void> {
  const { workflowService } = temporal.connection;
  const taskQueue = { name: `control-${workflowId}` };
  await workflowService.startWorkflowExecution({
    namespace: 'default',
    workflowId,
    requestId: workflowId,
    workflowType: { name: 'test' },
    taskQueue,
  });
  const { taskToken } = await temporal.connection.withDeadline(Date.now() + 20_000, () =>
    workflowService.pollWorkflowTaskQueue({ namespace: 'default', taskQueue }),
  );
  await workflowService.respondWorkflowTaskCompleted({
    namespace: 'default',
    taskToken,
    commands: [
      {
        commandType: SCHEDULE_ACTIVITY,
        scheduleActivityTaskCommandAttributes: {
          activityId: '1',
          activityType: { name: COMMAND },
          taskQueue: { name: `device-${device.id}` },
          scheduleToCloseTimeout: { seconds: 60 as never },
        },
      },
    ],
  });
}

describe('the gateway', () => {
  it('lets a device poll, keep alive and complete its own tasks; no other can say a word of them', async () => {
    const [a, b] = [await makeDevice('a'), await makeDevice('b')];
    await giveTask(a, 'complete-me');
    const task = await a.call('PollActivityTaskQueue', pollOf(a));
    expect(task).toMatchObject({ activityType: { name: COMMAND } });
    const said = { namespace: 'default', taskToken: task['taskToken'], identity: 'test' };
    for (const method of ['RecordActivityTaskHeartbeat', 'RespondActivityTaskCompleted'])
      expect(await codeOf(b.call(method, said)), method).toBe(status.PERMISSION_DENIED);
    expect(await codeOf(a.call('RecordActivityTaskHeartbeat', said))).toBe(status.OK);
    expect(await codeOf(a.call('RespondActivityTaskCompleted', said))).toBe(status.OK);
    const { history } = await temporal.connection.workflowService.getWorkflowExecutionHistory({
      namespace: 'default',
      execution: { workflowId: 'complete-me' },
    });
    expect(history?.events?.some(({ activityTaskCompletedEventAttributes: end }) => end)).toBe(true);
  });

  it('refuses to poll what is not its own, and writes it down', async () => {
    const [a, b] = [await makeDevice('a'), await makeDevice('b')];
    expect(await codeOf(a.call('PollActivityTaskQueue', pollOf(b)))).toBe(status.PERMISSION_DENIED);
    const items = await refusals();
    expect(items).toMatchObject([
      { action: 'temporal PollActivityTaskQueue', subject: a.id, status: 403, causes: ['notForDevices'] },
    ]);
  });

  it.each([
    ['StartWorkflowExecution', { workflowId: 'mine', workflowType: { name: 'migrateCompute' } }],
    ['SignalWorkflowExecution', { workflowExecution: { workflowId: 'mine' }, signalName: 'abort' }],
    ['TerminateWorkflowExecution', { workflowExecution: { workflowId: 'mine' } }],
    ['GetWorkflowExecutionHistory', { execution: { workflowId: 'mine' } }],
    ['ListWorkflowExecutions', {}],
    ['PollWorkflowTaskQueue', { taskQueue: { name: 'drayage-control' } }],
    ['RespondActivityTaskCompletedById', { workflowId: 'mine', activityId: '1' }],
  ])('refuses %s, and writes it down', async (method, fields) => {
    const a = await makeDevice('a');
    expect(await codeOf(a.call(method, { namespace: 'default', ...fields }))).toBe(status.PERMISSION_DENIED);
    const items = await refusals();
    expect(items).toMatchObject([{ action: `temporal ${method}`, subject: a.id }]);
  });

  it('has no method of the operator service for devices', async () => {
    const a = await makeDevice('a');
    const operators = allMethods().filter(({ service }) => service.includes('OperatorService'));
    expect(operators.length).toBeGreaterThan(5);
    for (const { service, method } of operators)
      expect(await codeOf(a.call(method, {}, service)), method).toBe(status.PERMISSION_DENIED);
  });

  it('knows nobody without a certificate, that is not on record, or that was removed', async () => {
    const { authority, db } = api.context;
    const a = await makeDevice('a');
    expect(await codeOf(callerOf(null, null)('GetSystemInfo'))).toBe(status.UNAVAILABLE);
    // Issued by our authority, for a device that there is not.
    const nobody = id('device');
    const { key, csr } = await makeRequest();
    const { certificate } = await authority.signRequest(csr, nobody, LIFE_SECONDS);
    expect(await codeOf(callerOf(key, certificate)('GetSystemInfo'))).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(a.call('GetSystemInfo'))).toBe(status.OK);
    expect(await refusals()).toMatchObject([
      { action: 'temporal GetSystemInfo', subject: nobody, status: 401, causes: ['noCertificate'] },
    ]);
    await retireDevice(db, a.id);
    await until('the removed device to be nobody', 15_000, async () => {
      return (await codeOf(a.call('GetSystemInfo'))) === status.UNAUTHENTICATED;
    });
  });

  it('takes a newer certificate at once, and the old one no more once a sign of life came with the newer', async () => {
    const { authority, db } = api.context;
    const a = await makeDevice('a');
    expect(await codeOf(a.call('GetSystemInfo'))).toBe(status.OK);
    const { key, csr } = await makeRequest();
    const inAMinute = new Date(Date.now() + 60_000);
    const { certificate, publicKeyHash } = await authority.signRequest(csr, a.id, LIFE_SECONDS, inAMinute);
    const renewed = callerOf(key, certificate);
    expect(await codeOf(renewed('GetSystemInfo'))).toBe(status.OK);
    expect(await codeOf(a.call('GetSystemInfo'))).toBe(status.OK);
    const newer = { keyHash: publicKeyHash, issuedAt: inAMinute.getTime() };
    await heartbeat(db, a.id, makeInventory(), { certificate: newer });
    await until('the old certificate to be refused', 15_000, async () => {
      return (await codeOf(a.call('GetSystemInfo'))) === status.UNAUTHENTICATED;
    });
    expect(await codeOf(renewed('GetSystemInfo'))).toBe(status.OK);
  });

  it('refuses a certificate that has run out', async () => {
    const a = await makeDevice('a', 1);
    await until('it to run out', 10_000, async () => (await codeOf(a.call('GetSystemInfo'))) !== status.OK);
    expect(await codeOf(a.call('GetSystemInfo'))).not.toBe(status.OK);
  });

  it('lets nothing of the request be lost that it does not know', async () => {
    const a = await makeDevice('a');
    const { serverVersion } = (await a.call('GetSystemInfo')) as { serverVersion?: string };
    expect(serverVersion).toMatch(/^\d+\./);
    expect(await codeOf(a.call('DescribeNamespace', { namespace: 'default' }))).toBe(status.OK);
    expect(await codeOf(a.call('DescribeNamespace', { namespace: 'temporal-system' }))).toBe(
      status.PERMISSION_DENIED,
    );
  });
});
