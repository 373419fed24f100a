import proto from '@temporalio/proto';
import { deviceTaskQueue } from '../../core/device.ts';
import type { SealedTokens } from './sealedTokens.ts';

const API = 'temporal.api.workflowservice.v1';

/** What is used here of protobufjs's reflection, which the package is. */
interface MessageType {
  decode(message: Uint8Array): object;
  create(fields: object): object;
  encode(message: object): { finish(): Uint8Array };
}
interface Reflection {
  lookupType(name: string): MessageType;
  lookupService(name: string): { methods: Record<string, unknown> };
}

const reflection = proto as unknown as Reflection;

/** A message of Temporal's workflow service, by its name. */
export const messageType = (name: string): MessageType => reflection.lookupType(`${API}.${name}`);

/** What of Temporal a device may have: its own namespace, its own task queue, and the tasks that it was given. */
export interface Allowed {
  namespace: string;
  deviceId: string;
  tokens: SealedTokens;
}

export type Checked =
  /** The message to pass on. */
  | { action: 'pass'; message: Buffer }
  /** Answered here: the device may ask, and it is nobody else's business. */
  | { action: 'answer'; message: Buffer }
  | { action: 'refuse'; reason: string };

interface Method {
  request(message: Buffer, allowed: Allowed): Checked;
  response?(message: Buffer, allowed: Allowed): Buffer;
}

/** A message that is decoded as far as something is looked at; never encoded again, so nothing that is not known gets lost. */
interface Looked {
  namespace?: string;
  taskQueue?: { name?: string } | null;
  taskToken?: Uint8Array;
}

const look = (type: MessageType, message: Buffer): Looked => type.decode(message);

/**
 * The message with some fields as given. Of a field that comes twice the last one counts, and nested messages are merged
 * (protobuf's encoding, "Last One Wins"): what is appended is what the server sees, whatever came before it.
 */
function withFields(type: MessageType, message: Buffer, fields: object): Buffer {
  return Buffer.concat([message, type.encode(type.create(fields)).finish()]);
}

const pollRequest = messageType('PollActivityTaskQueueRequest');
const pollResponse = messageType('PollActivityTaskQueueResponse');

const poll: Method = {
  request(message, { namespace, deviceId }) {
    const asked = look(pollRequest, message);
    const name = deviceTaskQueue(deviceId);
    if (asked.namespace !== namespace) return { action: 'refuse', reason: 'another namespace' };
    if (asked.taskQueue?.name !== name) return { action: 'refuse', reason: 'the task queue of another' };
    return { action: 'pass', message: withFields(pollRequest, message, { namespace, taskQueue: { name } }) };
  },
  response(message, { deviceId, tokens }) {
    const { taskToken } = look(pollResponse, message);
    // Empty: there was no task in the time that one waits for it.
    if (taskToken === undefined || taskToken.length === 0) return message;
    return withFields(pollResponse, message, { taskToken: tokens.seal(deviceId, taskToken) });
  },
};

/** Says something of a task that was handed out. */
function ofTask(name: string): Method {
  const type = messageType(name);
  return {
    request(message, { namespace, deviceId, tokens }) {
      const { taskToken = new Uint8Array(), namespace: asked } = look(type, message);
      if (asked !== namespace) return { action: 'refuse', reason: 'another namespace' };
      const token = tokens.open(deviceId, taskToken);
      if (token === null) return { action: 'refuse', reason: 'a task that this device was not given' };
      return { action: 'pass', message: withFields(type, message, { namespace, taskToken: token }) };
    },
  };
}

const describeNamespace = messageType('DescribeNamespaceRequest');

/** Everything else of Temporal's API is refused. */
const METHODS: Record<string, Method> = {
  GetSystemInfo: { request: (message) => ({ action: 'pass', message }) },
  DescribeNamespace: {
    request(message, { namespace }) {
      const asked = look(describeNamespace, message);
      if (asked.namespace !== namespace) return { action: 'refuse', reason: 'another namespace' };
      return { action: 'pass', message };
    },
  },
  PollActivityTaskQueue: poll,
  RespondActivityTaskCompleted: ofTask('RespondActivityTaskCompletedRequest'),
  RespondActivityTaskFailed: ofTask('RespondActivityTaskFailedRequest'),
  RespondActivityTaskCanceled: ofTask('RespondActivityTaskCanceledRequest'),
  RecordActivityTaskHeartbeat: ofTask('RecordActivityTaskHeartbeatRequest'),
  // Of workers that run workflows: a device has none, but its SDK says goodbye all the same.
  ShutdownWorker: { request: () => ({ action: 'answer', message: Buffer.alloc(0) }) },
};

/** Names of all methods of Temporal's API, with the service that they belong to. */
export function allMethods(): { service: string; method: string }[] {
  return [
    'temporal.api.workflowservice.v1.WorkflowService',
    'temporal.api.operatorservice.v1.OperatorService',
  ].flatMap((service) =>
    Object.keys(reflection.lookupService(service).methods).map((method) => ({ service, method })),
  );
}

/** Whether a device may send this, and what is passed on. @throws Error of protobufjs when it cannot be decoded */
export function checkRequest(method: string, message: Buffer, allowed: Allowed): Checked {
  const known = METHODS[method];
  return known ? known.request(message, allowed) : { action: 'refuse', reason: 'not for devices' };
}

/** What the device is answered with. */
export function sealResponse(method: string, message: Buffer, allowed: Allowed): Buffer {
  return METHODS[method]?.response?.(message, allowed) ?? message;
}
