import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { z } from 'zod';
import type { Cause } from '../../core/cause.ts';
import { idSchema } from '../../core/ids.ts';
import { toCause } from '../../core/toCause.ts';
import type { ExecSessions, OpenSession } from './execSessions.ts';
import type { Engine, ExecSession } from './types.ts';

const ROUTE = /^\/v1\/computes\/([^/]+)\/(logs|exec)$/;

const logsQuerySchema = z.object({
  follow: z.enum(['0', '1']).default('0'),
  tail: z.coerce.number().int().nonnegative().max(1_000_000).optional(),
  since: z
    .string()
    .regex(/^\d{1,12}(\.\d{1,9})?$/)
    .optional(),
});

const openingSchema = z.object({
  command: z.array(z.string()).min(1),
  tty: z.boolean().default(false),
  stdin: z.boolean().default(false),
});

const controlSchema = z.union([
  z.object({ resize: z.object({ columns: z.number().int().min(1), rows: z.number().int().min(1) }) }),
  z.object({ eof: z.literal(true) }),
]);

/** The byte before the data of each binary message. */
const Channel = { stdin: 0, stdout: 1, stderr: 2 } as const;

const MAXIMUM_MESSAGE_BYTES = 1024 * 1024;
/** With this much unsent, the program's output is held back until it is below. Bytes. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** Close codes of RFC 6455. */
const Close = { normal: 1000, badMessage: 1008, failed: 1011, restart: 1012 } as const;

function route(req: IncomingMessage): { computeId: string; what: string; query: URLSearchParams } | null {
  const url = new URL(req.url ?? '/', 'http://device');
  const [, computeId = '', what = ''] = ROUTE.exec(url.pathname) ?? [];
  if (!idSchema('compute').safeParse(computeId).success) return null;
  return { computeId, what, query: url.searchParams };
}

/** Serves GET /v1/computes/:id/logs?follow=1&tail=N&since=SECONDS as NDJSON. Resolves to false when the request is none of these. */
export async function handleHttp(
  engine: Engine,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  const found = route(req);
  if (!found || found.what !== 'logs' || req.method !== 'GET') return false;
  const query = logsQuerySchema.safeParse(Object.fromEntries(found.query));
  if (!query.success) {
    sendProblem(res, 400, {
      code: 'badQuery',
      message: 'follow must be 0 or 1, tail a number, since a number of seconds.',
      mend: 'Mend the query.',
    });
    return true;
  }
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  const { follow, tail, since } = query.data;
  try {
    const chunks = await engine.logs(found.computeId, {
      follow: follow === '1',
      tail,
      since,
      signal: gone.signal,
    });
    startLines(res);
    for await (const { time, stream, data } of chunks) {
      if (!res.write(`${JSON.stringify({ time, stream, data: data.toString('base64') })}\n`))
        await drained(res);
    }
    res.end();
  } catch (error) {
    // Once lines were sent, only a broken connection can say that it is not all.
    if (res.headersSent) res.destroy();
    else sendProblem(res, toCause(error).code === 'containerMissing' ? 404 : 502, toCause(error));
  }
  return true;
}

function startLines(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  // A quiet program's first line may be long in coming.
  res.flushHeaders();
}

/** Answers with what went wrong. */
export function sendProblem(res: ServerResponse, status: number, cause: ReturnType<typeof toCause>): void {
  res.writeHead(status, { 'content-type': 'application/problem+json' });
  res.end(JSON.stringify({ title: cause.message, status, causes: [cause] }));
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      res.off('drain', settle).off('close', settle);
      resolve();
    };
    res.on('drain', settle).on('close', settle);
    if (res.destroyed) settle();
  });
}

const sockets = new WebSocketServer({ noServer: true, maxPayload: MAXIMUM_MESSAGE_BYTES });

/** Serves /v1/computes/:id/exec as a WebSocket. Returns false when the request is none of these; the socket is then the caller's. */
export function handleUpgrade(
  sessions: Pick<ExecSessions, 'open'>,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): boolean {
  const found = route(req);
  if (found?.what !== 'exec') return false;
  sockets.handleUpgrade(req, socket, head, (client) => {
    client.on('error', () => client.terminate());
    client.once('message', (data, isBinary) => {
      const opening = isBinary ? null : openingSchema.safeParse(parseJson(data));
      if (!opening?.success) return client.close(Close.badMessage, 'the first message must say what to run');
      new ExecConnection(client).run(sessions, found.computeId, opening.data);
    });
  });
  return true;
}

/** One program and the one who watches it. */
class ExecConnection {
  readonly #client: WebSocket;
  #session: ExecSession | null = null;
  /** What has come and was not passed on yet, in its order. */
  #inbox: [RawData, boolean][] = [];
  #passing = false;

  constructor(client: WebSocket) {
    this.#client = client;
  }

  run(
    sessions: Pick<ExecSessions, 'open'>,
    computeId: string,
    { command, tty, stdin }: z.infer<typeof openingSchema>,
  ): void {
    this.#client.on('message', (data, isBinary) => {
      this.#inbox.push([data, isBinary]);
      void this.#passOn();
    });
    sessions
      .open(computeId, command, { tty, stdin })
      .then((opened) => this.#connect(opened))
      .catch((error: unknown) => this.#fail(toCause(error), Close.failed));
  }

  /** Tells why there is no exit code, and ends the connection. */
  #fail(cause: Cause, code: number): void {
    this.#send(JSON.stringify({ error: cause }));
    // A reason of more than 123 bytes is not allowed.
    const reason = Buffer.from(cause.message).subarray(0, 100).toString('latin1');
    this.#client.close(code, reason.replace(/[^ -~]/g, '?'));
  }

  async #connect({ session, endedBy }: OpenSession): Promise<void> {
    this.#session = session;
    if (this.#client.readyState !== this.#client.OPEN) return session.kill();
    let ended = false;
    this.#client.once('close', () => {
      if (!ended) session.kill().catch(() => {});
    });
    session.onOutput(({ stream, data }) => {
      this.#send(Buffer.concat([Buffer.of(Channel[stream]), data]), () => {
        if (this.#client.bufferedAmount < HIGH_WATER_BYTES) session.resume();
      });
      if (this.#client.bufferedAmount >= HIGH_WATER_BYTES) session.pause();
    });
    void this.#passOn();
    const exit = await session.done.catch(toCause);
    ended = true;
    const cause = endedBy() ?? (typeof exit === 'number' ? null : exit);
    if (cause) return this.#fail(cause, endedBy() ? Close.restart : Close.failed);
    this.#send(JSON.stringify({ exit }));
    this.#client.close(Close.normal);
  }

  /** One message after the other: input that was sent after a change of size meets the new size. */
  async #passOn(): Promise<void> {
    if (this.#session === null || this.#passing) return;
    this.#passing = true;
    for (let next = this.#inbox.shift(); next; next = this.#inbox.shift())
      await this.#take(this.#session, ...next);
    this.#passing = false;
  }

  async #take(session: ExecSession, data: RawData, isBinary: boolean): Promise<void> {
    if (isBinary) {
      const bytes = toBuffer(data);
      if (bytes[0] === Channel.stdin) session.write(bytes.subarray(1));
      return;
    }
    const control = controlSchema.safeParse(parseJson(data));
    if (!control.success) return this.#client.close(Close.badMessage, 'not a message of exec');
    if ('eof' in control.data) session.closeStdin();
    else await session.resize(control.data.resize.columns, control.data.resize.rows).catch(() => {});
  }

  #send(data: string | Buffer, sent: () => void = () => {}): void {
    if (this.#client.readyState === this.#client.OPEN) this.#client.send(data, sent);
  }
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function parseJson(data: RawData): unknown {
  try {
    return JSON.parse(toBuffer(data).toString('utf8'));
  } catch {
    return null;
  }
}
