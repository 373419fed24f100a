import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { json } from 'node:stream/consumers';
import type { PeerCertificate } from 'node:tls';
import { type ClientOptions, WebSocket } from 'ws';
import { problemSchema } from '../core/api/common.ts';
import { DrayageError } from '../core/cause.ts';
import type { Scope } from '../core/tenancy.ts';
import { type ComputeRecord, computeInScope } from '../db/computes.ts';
import { type DeviceRow, getDevice } from '../db/devices.ts';
import type { ApiContext } from './context.ts';

/** Longest wait for a device to answer, milliseconds. */
const ANSWER_MS = 10_000;
/** What may wait to be sent on one side before the other is paused, bytes. */
const BUFFER_BYTES = 1 << 20;

/** Of a device's refusal at most, bytes. */
const REFUSAL_BYTES = 64 * 1024;
const refusalSchema = problemSchema.pick({ causes: true });
/** What a client has asked for wrongly; all else is the device's own trouble. */
const TOLD_CODES = ['noSuchFile', 'linkInPath', 'notADirectory', 'notAFile'];

/** Between two questions whether the device of a session is still there, milliseconds; one without an answer ends it. */
const ALIVE_MS = 10_000;

/** The compute's device, if it can be asked for logs and the like. */
export interface Reachable {
  compute: ComputeRecord;
  device: DeviceRow;
}

/** @throws DrayageError unknownCompute, deviceUnreachable, and with `running` notRunning */
export async function reachable(
  context: ApiContext,
  scope: Scope,
  idOrName: string,
  needs: { running: boolean },
): Promise<Reachable> {
  const compute = await computeInScope(context.db, scope, idOrName);
  if (needs.running && compute.state !== 'running' && compute.state !== 'migrating') {
    throw new DrayageError({
      code: 'notRunning',
      message: `Compute ${compute.name} is ${compute.state}.`,
      mend: 'Start it first with `drayage compute start`.',
    });
  }
  const device = await getDevice(context.db, compute.placement?.deviceId ?? '');
  if (device.unreachableAt !== null) throw silent(device.name);
  return { compute, device };
}

function silent(name: string, cause?: unknown): DrayageError {
  const words = {
    code: 'deviceUnreachable',
    message: `Device ${name} does not answer.`,
    mend: 'Look at the device and its network; try again when it is back.',
  };
  return new DrayageError(words, { cause, retryable: true });
}

/** TLS of the control plane to that one device, and to nobody else at its address. */
function tlsOf({ identity, authority }: ApiContext, device: DeviceRow) {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d+)$/.exec(device.inventory.linkAddress) ?? [];
  return {
    host,
    port: Number(port),
    key: identity.key,
    cert: identity.certificate,
    ca: authority.certificate,
    minVersion: 'TLSv1.3' as const,
    ALPNProtocols: ['http/1.1'],
    // Certificates name devices, not addresses.
    servername: '',
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      certificate.subject.CN === device.id
        ? undefined
        : new Error(`the certificate is of ${String(certificate.subject.CN)}`),
  };
}

/** Tells a device's link something. @throws DrayageError deviceUnreachable, linkFailed */
export async function tellLink(context: ApiContext, device: DeviceRow, path: string): Promise<unknown> {
  return json(await askLink(context, device, path, AbortSignal.timeout(ANSWER_MS), 'POST'));
}

/** Asks a device's link. The answer streams; `signal` ends it. @throws DrayageError deviceUnreachable, linkFailed */
export function askLink(
  context: ApiContext,
  device: DeviceRow,
  path: string,
  signal: AbortSignal,
  method: 'GET' | 'POST' = 'GET',
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ ...tlsOf(context, device), path, method, agent: false, signal });
    const late = setTimeout(() => request.destroy(new Error('no answer in time')), ANSWER_MS);
    request.once('error', (error) => {
      clearTimeout(late);
      reject(silent(device.name, error));
    });
    request.once('response', (response) => {
      clearTimeout(late);
      // An error after the answer began is the reader's to see.
      request.on('error', (error) => response.destroy(error));
      if (response.statusCode === 200) resolve(response);
      else void refusalOf(response, device.name).then(reject);
    });
    request.end();
  });
}

/** Why a device did not do it: in its own words, if it has any that a client is told. */
async function refusalOf(response: IncomingMessage, name: string): Promise<DrayageError> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      if ((bytes += part.length) > REFUSAL_BYTES) break;
      parts.push(part);
    }
    const [cause] = refusalSchema.parse(JSON.parse(Buffer.concat(parts).toString('utf8'))).causes;
    if (cause && TOLD_CODES.includes(cause.code)) return new DrayageError(cause);
  } catch {
    // No words, or none that can be read.
  }
  return linkFailed(name, response.statusCode ?? 0);
}

function linkFailed(name: string, status: number): DrayageError {
  return new DrayageError({
    code: 'linkFailed',
    message: `Device ${name} could not do it (${String(status)}).`,
    mend: "The device worker's log says why; `drayage compute show` tells whether the compute is there.",
  });
}

/** Joins a client's WebSocket with one to the device's link: every frame goes through as it is, in both directions. */
export function joinLink(context: ApiContext, device: DeviceRow, path: string, client: WebSocket): void {
  const { host, port, ...tls } = tlsOf(context, device);
  const authority = host.includes(':') ? `[${host}]` : host;
  // The types of `ws` say boolean; it is TLS's own check, which returns the error.
  const options = {
    ...tls,
    handshakeTimeout: ANSWER_MS,
    perMessageDeflate: false,
  } as unknown as ClientOptions;
  const upstream = new WebSocket(`wss://${authority}:${String(port)}${path}`, options);
  // Until the device has answered, nothing of the client is read.
  client.pause();
  upstream.once('open', () => {
    client.resume();
    watchPeer(upstream);
  });
  upstream.on('error', () => {
    client.close(1011, `Device ${device.name} does not answer.`);
  });
  client.on('error', () => {
    upstream.terminate();
  });
  forward(client, upstream);
  forward(upstream, client);
}

/** A device that loses its power says nothing: ends a connection over which no answer comes any more. */
function watchPeer(socket: WebSocket): void {
  let heard = true;
  socket.on('pong', () => (heard = true));
  socket.on('message', () => (heard = true));
  const timer = setInterval(() => {
    if (!heard) return socket.terminate();
    heard = false;
    // Nothing is read while the client is slow: its answer would not be heard.
    if (socket.isPaused) heard = true;
    else socket.ping();
  }, ALIVE_MS);
  socket.once('close', () => clearInterval(timer));
}

function forward(from: WebSocket, to: WebSocket): void {
  from.on('message', (data, isBinary) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(data, { binary: isBinary }, () => {
      if (from.isPaused && to.bufferedAmount < BUFFER_BYTES) from.resume();
    });
    if (to.bufferedAmount >= BUFFER_BYTES) from.pause();
  });
  from.once('close', (code, reason) => {
    // 1005 and 1006 mean that there was no code; they cannot be sent.
    const sendable = code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
    if (to.readyState === WebSocket.CONNECTING) to.terminate();
    else if (sendable) to.close(code, reason);
    else to.close(1011, 'The connection was lost.');
    if (to.isPaused) to.resume();
  });
}
