import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type Problem, PROBLEM_TYPE } from '../core/api/common.ts';
import { statusOfCause } from '../core/api/statusOfCause.ts';
import { type Cause, DrayageError, RefusedError } from '../core/cause.ts';

/** What Fastify calls what it refuses by itself, and what it is called here. */
const FRAMEWORK_CODES: Record<string, string> = {
  FST_ERR_BAD_URL: 'unreadableUrl',
  FST_ERR_CTP_INVALID_JSON_BODY: 'unreadableBody',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'unreadableBody',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'unreadableBody',
  FST_ERR_CTP_BODY_TOO_LARGE: 'bodyTooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupportedMediaType',
};

/** The problem document (RFC 9457) of any error. Nothing of an error that is not ours leaves the server. */
export function toProblem(error: unknown): Problem {
  if (error instanceof RefusedError) return problem(error.causes, error.running);
  if (error instanceof DrayageError && statusOfCause(error.cause_.code) !== 500)
    return problem([error.cause_]);
  if (hasZodFastifySchemaValidationErrors(error)) {
    const where = (error as FastifyError).validationContext ?? 'request';
    return problem(
      error.validation.map(({ instancePath, message }) => ({
        code: 'invalid',
        message: `${[where, ...instancePath.split('/').filter(Boolean)].join('.')}: ${message ?? 'is not valid'}`,
        mend: 'See /api/docs for what is expected.',
      })),
    );
  }
  if (isDatabaseAway(error)) {
    return problem([
      {
        code: 'databaseAway',
        message: 'The control plane cannot reach its database.',
        mend: 'Try again when it is back.',
      },
    ]);
  }
  const { statusCode, message = '', code = '' } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    const cause = {
      code: FRAMEWORK_CODES[code] ?? 'invalid',
      message,
      mend: 'See /api/docs for what is expected.',
    };
    return problem([cause], undefined, statusCode);
  }
  return problem([
    {
      code: 'internal',
      message: 'The control plane failed to answer this request.',
      mend: 'Its log says why; try again.',
    },
  ]);
}

function problem(causes: Cause[], running?: Problem['running'], fixed?: number): Problem {
  const first = causes[0];
  const status = fixed ?? statusOfCause(first?.code ?? '');
  return {
    type: `urn:drayage:problem:${first?.code ?? 'internal'}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: causes.map(({ message }) => message).join(' '),
    causes,
    ...(running ? { running } : {}),
  };
}

function isDatabaseAway(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (
      typeof code === 'string' &&
      /^(ECONNREFUSED|ECONNRESET|CONNECT_TIMEOUT|CONNECTION_CLOSED|CONNECTION_ENDED|57P0[123])$/.test(code)
    )
      return true;
  }
  return false;
}

/** The one error handler of both servers. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const document = toProblem(error);
  request.refusedFor = document.causes.map(({ code }) => code);
  if (document.status >= 500) request.log.error({ err: error }, 'request failed');
  // Serialised here: the routes' response schemas are for their own answers.
  void reply
    .code(document.status)
    .type(PROBLEM_TYPE)
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(document);
}
