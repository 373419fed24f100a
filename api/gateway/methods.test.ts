import { describe, expect, it } from 'vitest';
import { allMethods, checkRequest, messageType, sealResponse } from './methods.ts';
import { SealedTokens } from './sealedTokens.ts';

const encode = (name: string, fields: object) =>
  Buffer.from(messageType(name).encode(messageType(name).create(fields)).finish());
const decode = (name: string, message: Buffer) =>
  messageType(name).decode(message) as { taskToken?: Uint8Array };

const tokens = new SealedTokens(Buffer.alloc(32, 1));
const allowed = { namespace: 'default', deviceId: 'dev_a', tokens };
const other = { ...allowed, deviceId: 'dev_b' };
const token = Buffer.from('a task');

const pollOf = (name: string, namespace = 'default') =>
  encode('PollActivityTaskQueueRequest', { namespace, taskQueue: { name }, identity: 'a device' });

describe('a device', () => {
  it('polls its own task queue, and no other', () => {
    const checked = checkRequest('PollActivityTaskQueue', pollOf('device-dev_a'), allowed);
    if (checked.action !== 'pass') throw new Error('refused');
    expect(decode('PollActivityTaskQueueRequest', checked.message)).toMatchObject({
      namespace: 'default',
      taskQueue: { name: 'device-dev_a' },
      identity: 'a device',
    });
    for (const message of [
      pollOf('device-dev_b'),
      pollOf('drayage-control'),
      pollOf(''),
      pollOf('device-dev_a', 'other'),
      Buffer.concat([pollOf('device-dev_a'), pollOf('device-dev_b')]),
      Buffer.alloc(0),
    ])
      expect(checkRequest('PollActivityTaskQueue', message, allowed).action).toBe('refuse');
  });

  it('cannot hide another queue behind its own', () => {
    const twice = Buffer.concat([pollOf('device-dev_b'), pollOf('device-dev_a')]);
    const checked = checkRequest('PollActivityTaskQueue', twice, allowed);
    if (checked.action !== 'pass') throw new Error('refused');
    expect(decode('PollActivityTaskQueueRequest', checked.message)).toMatchObject({
      taskQueue: { name: 'device-dev_a' },
    });
  });

  it.each([
    'RespondActivityTaskCompleted',
    'RespondActivityTaskFailed',
    'RespondActivityTaskCanceled',
    'RecordActivityTaskHeartbeat',
  ])('says %s of a task that it was given, and of no other', (method) => {
    const answer = encode('PollActivityTaskQueueResponse', { taskToken: token, activityId: '7' });
    const given = decode(
      'PollActivityTaskQueueResponse',
      sealResponse('PollActivityTaskQueue', answer, allowed),
    );
    expect(given).toMatchObject({ activityId: '7' });
    const sealed = given.taskToken ?? new Uint8Array();
    const say = (taskToken: Uint8Array, namespace = 'default') =>
      encode(`${method}Request`, { namespace, taskToken, identity: 'me' });
    const checked = checkRequest(method, say(sealed), allowed);
    if (checked.action !== 'pass') throw new Error('refused');
    const passed = decode(`${method}Request`, checked.message);
    expect(Buffer.from(passed.taskToken ?? new Uint8Array())).toEqual(token);
    expect(passed).toMatchObject({ identity: 'me' });
    expect(checkRequest(method, say(sealed), other).action).toBe('refuse');
    expect(checkRequest(method, say(sealed, 'other'), allowed).action).toBe('refuse');
    expect(checkRequest(method, say(token), allowed).action).toBe('refuse');
    expect(checkRequest(method, say(Buffer.alloc(0)), allowed).action).toBe('refuse');
  });

  it('is told that there was no task as it is', () => {
    expect(sealResponse('PollActivityTaskQueue', Buffer.alloc(0), allowed)).toEqual(Buffer.alloc(0));
  });

  it('has nothing else of the whole API', () => {
    const all = allMethods();
    expect(all.length).toBeGreaterThan(80);
    const open = all.filter(
      ({ method }) => checkRequest(method, Buffer.alloc(0), allowed).action !== 'refuse',
    );
    expect(open.map(({ method }) => method).sort()).toEqual(['GetSystemInfo', 'ShutdownWorker']);
    for (const method of ['StartWorkflowExecution', 'SignalWorkflowExecution', 'GetWorkflowExecutionHistory'])
      expect(all.map((one) => one.method)).toContain(method);
  });
});
