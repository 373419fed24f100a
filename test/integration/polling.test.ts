import {
  Client,
  credentials,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { allMethods } from '../../api/gateway/methods.ts';
import { deviceTaskQueue } from '../../core/device.ts';
import { until } from '../../core/until.ts';
import { POLLING } from '../../workers/node/activityRunner.ts';
import { startTemporal } from './support/temporalServer.ts';

/** temporal.api.enums.v1.CommandType */
const SCHEDULE_ACTIVITY = 1;

let temporal: TestWorkflowEnvironment;
const cleanUps: (() => unknown)[] = [];
beforeAll(async () => {
  temporal = await startTemporal();
}, 120_000);
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(() => temporal.teardown());

/** What the server wants to know of its client. */
function metadataOf(call: ServerUnaryCall<Buffer, Buffer>): Metadata {
  const metadata = new Metadata();
  for (const name of ['client-name', 'client-version'])
    for (const value of call.metadata.get(name)) metadata.add(name, value);
  return metadata;
}

/** In front of the server; counts what waits there for tasks of activities. */
async function countPolls() {
  const server = new Server();
  const upstream = new Client(temporal.address, credentials.createInsecure());
  const polls = { waiting: 0, most: 0 };
  const asIs = (message: Buffer) => message;
  for (const { service, method } of allMethods()) {
    const path = `/${service}/${method}`;
    const serve = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      const counts = method === 'PollActivityTaskQueue' ? 1 : 0;
      polls.waiting += counts;
      polls.most = Math.max(polls.most, polls.waiting);
      const asked = upstream.makeUnaryRequest(
        path,
        asIs,
        asIs,
        call.request,
        metadataOf(call),
        { deadline: call.getDeadline() },
        (error, response) => {
          polls.waiting -= counts;
          if (error) answer({ code: error.code, details: error.details });
          else answer(null, response);
        },
      );
      call.on('cancelled', () => asked.cancel());
    };
    const definition = {
      ...{ path, requestStream: false, responseStream: false },
      ...{
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    } as const;
    server.addService({ [method]: definition }, { [method]: serve });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  cleanUps.push(() => {
    server.forceShutdown();
    upstream.close();
  });
  return { address: `127.0.0.1:${String(port)}`, polls };
}

/** Has the queue given a task: what a workflow that asks for an activity there leads to. */
async function giveTask(activity: string, queue: string): Promise<void> {
  const { workflowService } = temporal.connection;
  const taskQueue = { name: 'asker' };
  await workflowService.startWorkflowExecution({
    ...{ namespace: 'default', workflowId: 'asks', requestId: 'asks', taskQueue },
    workflowType: { name: 'test' },
  });
  const { taskToken } = await temporal.connection.withDeadline(Date.now() + 20_000, () =>
    workflowService.pollWorkflowTaskQueue({ namespace: 'default', taskQueue }),
  );
  const asked = {
    ...{ activityId: '1', activityType: { name: activity }, taskQueue: { name: queue } },
    scheduleToCloseTimeout: { seconds: 60 as never },
  };
  await workflowService.respondWorkflowTaskCompleted({
    ...{ namespace: 'default', taskToken },
    commands: [{ commandType: SCHEDULE_ACTIVITY, scheduleActivityTaskCommandAttributes: asked }],
  });
}

it('a device has two polls at the server at most, for that lets only so many of all devices wait', async () => {
  const { address, polls } = await countPolls();
  const connection = await NativeConnection.connect({ address });
  cleanUps.push(() => connection.close());
  const asked = Promise.withResolvers<void>();
  const activities = { ask: () => Promise.resolve(asked.resolve()) };
  const taskQueue = deviceTaskQueue('dev_000000000001');
  const worker = await Worker.create({ connection, taskQueue, activities, ...POLLING });
  const ended = worker.run();
  cleanUps.push(() => {
    worker.shutdown();
    return ended;
  });
  await until('the worker to poll', 20_000, () => polls.waiting > 0);
  await giveTask('ask', taskQueue);
  await asked.promise;
  expect(polls.most).toBeLessThanOrEqual(2);
});
