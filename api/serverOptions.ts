import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError } from 'fastify';
import { PROBLEM_TYPE } from '../core/api/common.ts';
import { DrayageError } from '../core/cause.ts';
import { sendProblem, toProblem } from './problem.ts';

/** Of both servers: what never gets as far as a route is answered by a problem document too. */
export const SERVER_OPTIONS = {
  // A browser's idle connection must not hold up an ordered stop.
  forceCloseConnections: true,
  // How long a parameter may be its schema says.
  routerOptions: { maxParamLength: maxHeaderSize },
  frameworkErrors: sendProblem,
  clientErrorHandler: refuseConnection,
} as const;

/** Answers what is no HTTP request, and ends its connection. */
function refuseConnection({ code }: ConnectionError, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return;
  const { status, ...document } = toProblem(new DrayageError(causeOf(code)));
  const body = JSON.stringify({ ...document, status });
  const head = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${String(Buffer.byteLength(body))}`,
    'connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

function causeOf(code: string) {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return {
      code: 'requestTimeout',
      message: 'The request did not come in time.',
      mend: 'Send it again, without pauses.',
    };
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      code: 'headTooLarge',
      message: `URL and headers are longer than ${String(maxHeaderSize)} bytes.`,
      mend: 'Send less in them.',
    };
  return {
    code: 'notHttp',
    message: 'What was sent is no HTTP request.',
    mend: 'See /api/docs for what is expected.',
  };
}
