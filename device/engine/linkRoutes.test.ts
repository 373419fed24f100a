import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi, type Mock } from 'vitest';
import { WebSocket } from 'ws';
import { DrayageError } from '../../core/cause.ts';
import { ExecSessions } from './execSessions.ts';
import { handleHttp, handleUpgrade } from './linkRoutes.ts';
import type { Engine, ExecSession, LogChunk, LoggedChunk } from './types.ts';

const id = 'cmp_000000000001';
let server: Server;
let port: number;
let engine: Pick<Engine, 'logs' | 'exec'>;
let sessions: ExecSessions;
let execCalls: Mock<Engine['exec']>;
interface FakeSession extends ExecSession {
  emit: (chunk: LogChunk) => void;
  exit: (code: number) => void;
}
type Calls = { [K in 'write' | 'closeStdin' | 'resize' | 'kill' | 'end']: Mock<ExecSession[K]> };

let session: FakeSession;
let calls: Calls;

function makeSession(): FakeSession {
  let emit: (chunk: LogChunk) => void = () => {};
  let end: (code: number) => void = () => {};
  const done = new Promise<number>((resolve) => (end = resolve));
  return {
    ...calls,
    onOutput: (listener) => (emit = listener),
    pause: vi.fn(),
    resume: vi.fn(),
    done,
    emit: (chunk) => emit(chunk),
    exit: (code) => end(code),
  };
}

const time = '2026-03-01T12:00:00.123456789Z';

/** An engine's log with these lines. */
function logged(lines: (signal: AbortSignal) => AsyncGenerator<LoggedChunk>): Mock<Engine['logs']> {
  return vi.fn((_id, { signal }) => Promise.resolve(lines(signal)));
}

beforeEach(async () => {
  calls = {
    write: vi.fn(),
    closeStdin: vi.fn(),
    resize: vi.fn(() => Promise.resolve()),
    kill: vi.fn(() => Promise.resolve()),
    end: vi.fn(() => Promise.resolve(session.exit(137))),
  };
  session = makeSession();
  execCalls = vi.fn(() => Promise.resolve(session));
  engine = {
    logs: logged(async function* () {
      yield { time, stream: 'stdout', data: Buffer.from('one') };
      yield { stream: 'stderr', data: Buffer.from('two') };
    }),
    exec: execCalls,
  };
  sessions = new ExecSessions({ exec: (...args) => engine.exec(...args) });
  server = createServer((req, res) => {
    void handleHttp(engine as Engine, req, res).then((served) => served || res.writeHead(418).end());
  });
  server.on('upgrade', (req, socket, head) => handleUpgrade(sessions, req, socket, head) || socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

function fetchText(path: string): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent: false }, (res: Readable & { statusCode?: number }) => {
      text(res).then((body) => resolve([res.statusCode ?? 0, body]), reject);
    }).once('error', reject);
  });
}

describe('logs', () => {
  test('come as lines of JSON', async () => {
    const [status, body] = await fetchText(`/v1/computes/${id}/logs?follow=1&tail=2&since=7.5`);
    expect(status).toBe(200);
    expect(body).toBe(
      `{"time":"${time}","stream":"stdout","data":"b25l"}\n{"stream":"stderr","data":"dHdv"}\n`,
    );
    expect(engine.logs).toHaveBeenCalledWith(
      id,
      expect.objectContaining({ follow: true, tail: 2, since: '7.5' }),
    );
  });

  test.each([
    ['a bad query', `/v1/computes/${id}/logs?tail=x`, 400],
    ['a bad instant', `/v1/computes/${id}/logs?since=10m`, 400],
    ['another path', `/v1/computes/${id}/other`, 418],
    ['a path that is no id', '/v1/computes/..%2f/logs', 418],
  ])('%s', async (_, path, status) => {
    expect((await fetchText(path))[0]).toBe(status);
  });

  test('of a compute that is not here are a problem', async () => {
    const missing = { code: 'containerMissing', message: 'Not here.', mend: 'Look elsewhere.' };
    engine.logs = () => Promise.reject(new DrayageError(missing));
    const [status, body] = await fetchText(`/v1/computes/${id}/logs`);
    expect(status).toBe(404);
    expect(JSON.parse(body)).toMatchObject({ causes: [{ code: 'containerMissing' }] });
  });

  test('of a program that says nothing are opened at once', async () => {
    engine.logs = logged(async function* (signal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      yield { stream: 'stdout', data: Buffer.from('late') };
    });
    const status = await new Promise((resolve) => {
      const request = get({ port, path: `/v1/computes/${id}/logs?follow=1`, agent: false }, (res) => {
        resolve(res.statusCode);
        request.destroy();
        res.on('error', () => {});
      });
    });
    expect(status).toBe(200);
  });

  test('a reader that goes away ends the reading', async () => {
    let ended = false;
    engine.logs = logged(async function* (signal) {
      yield { stream: 'stdout', data: Buffer.from('one') };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended = true;
    });
    const request = get({ port, path: `/v1/computes/${id}/logs?follow=1`, agent: false }, (res) => {
      res.once('data', () => request.destroy());
      res.on('error', () => {});
    });
    await vi.waitFor(() => expect(ended).toBe(true));
  });
});

describe('exec', () => {
  function open(): { client: WebSocket; messages: (string | number[])[]; closed: Promise<number> } {
    const client = new WebSocket(`ws://127.0.0.1:${port}/v1/computes/${id}/exec`);
    const messages: (string | number[])[] = [];
    client.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? [...data] : data.toString()));
    client.on('error', () => {});
    return { client, messages, closed: new Promise((resolve) => client.once('close', resolve)) };
  }

  test('carries input, output, size and exit code', async () => {
    const { client, messages, closed } = open();
    client.once('open', () => {
      client.send(JSON.stringify({ command: ['sh'], tty: true, stdin: true }));
      client.send(Buffer.from([0, 65, 66]));
      client.send(JSON.stringify({ resize: { columns: 80, rows: 24 } }));
      client.send(JSON.stringify({ eof: true }));
    });
    await vi.waitFor(() => expect(calls.closeStdin).toHaveBeenCalled());
    expect(execCalls).toHaveBeenCalledWith(id, ['sh'], { tty: true, stdin: true });
    expect(calls.write).toHaveBeenCalledWith(Buffer.from('AB'));
    expect(calls.resize).toHaveBeenCalledWith(80, 24);
    session.emit({ stream: 'stderr', data: Buffer.from('E') });
    session.exit(7);
    expect(await closed).toBe(1000);
    expect(messages).toEqual([[2, 69], '{"exit":7}']);
    expect(calls.kill).not.toHaveBeenCalled();
  });

  test('input after a change of size waits for it', async () => {
    let resized: () => void = () => {};
    calls.resize.mockReturnValue(new Promise((resolve) => (resized = resolve)));
    const { client, closed } = open();
    client.once('open', () => {
      client.send(JSON.stringify({ command: ['sh'], tty: true, stdin: true }));
      client.send(JSON.stringify({ resize: { columns: 77, rows: 33 } }));
      client.send(Buffer.from([0, 65]));
      client.ping();
    });
    await new Promise((resolve) => client.once('pong', resolve));
    await vi.waitFor(() => expect(calls.resize).toHaveBeenCalled());
    expect(calls.write).not.toHaveBeenCalled();
    resized();
    await vi.waitFor(() => expect(calls.write).toHaveBeenCalledWith(Buffer.from('A')));
    session.exit(0);
    await closed;
  });

  test('a client that goes away ends the program', async () => {
    const { client, messages } = open();
    client.once('open', () => client.send(JSON.stringify({ command: ['sh'] })));
    await vi.waitFor(() => expect(execCalls).toHaveBeenCalled());
    session.emit({ stream: 'stdout', data: Buffer.from('x') });
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    client.terminate();
    await vi.waitFor(() => expect(calls.kill).toHaveBeenCalled());
  });

  test('a first message that says nothing is refused, a failure is told', async () => {
    const refused = open();
    refused.client.once('open', () => refused.client.send('{}'));
    expect(await refused.closed).toBe(1008);
    engine.exec = () => Promise.reject(new DrayageError({ code: 'x', message: 'No — not so.', mend: '' }));
    const failed = open();
    failed.client.once('open', () => failed.client.send(JSON.stringify({ command: ['sh'] })));
    expect(await failed.closed).toBe(1011);
    expect(failed.messages[0]).toContain('"code":"x"');
  });

  test('a move ends it with the reason, and lets nobody in until it has ended', async () => {
    const { client, messages, closed } = open();
    client.once('open', () => client.send(JSON.stringify({ command: ['sh'], tty: true })));
    await vi.waitFor(() => expect(execCalls).toHaveBeenCalled());
    session.emit({ stream: 'stdout', data: Buffer.from('$') });
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    await sessions.hold('mig_1', [id]);
    expect(await closed).toBe(1012);
    expect(messages[1]).toContain('"code":"sessionEnded"');
    const refused = open();
    refused.client.once('open', () => refused.client.send(JSON.stringify({ command: ['sh'] })));
    expect(await refused.closed).toBe(1011);
    expect(refused.messages[0]).toContain('"code":"beingMoved"');
    expect(execCalls).toHaveBeenCalledTimes(1);
    sessions.release('mig_1');
    const again = open();
    again.client.once('open', () => again.client.send(JSON.stringify({ command: ['sh'] })));
    await vi.waitFor(() => expect(execCalls).toHaveBeenCalledTimes(2));
    again.client.terminate();
  });
});
