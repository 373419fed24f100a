import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { RouteOptions } from 'fastify';
import plugin from 'fastify-plugin';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { PROBLEM_TYPE, problemAnswers, type ProblemStatus } from '../../core/api/common.ts';

const DESCRIPTION = `Live migration for containers on edge devices. Errors are RFC 9457 problem documents with causes.

What is no operation has no place below: a method that a path does not take is answered by 405 (Problem405), a path that there
is not by 404. What is no HTTP request is answered by 400, one that does not come in time by 408, URL and headers of more than
16 KiB by 431, and the connection ends.`;

const READING = ['GET', 'HEAD', 'OPTIONS'];

/** The API's description at /api/openapi.json, to browse at /api/docs. Both are open: they hold no data. */
export const openApiPlugin = plugin<{ version: string }>(async (app, { version }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Drayage',
        version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: 'drayage_session' },
        },
      },
      security: [{ bearer: [] }, { session: [] }],
    },
    transform: describe,
    transformObject: shorten,
  });
  app.addHook('onRoute', (route) => {
    const described = (route.schema ??= {});
    const needs = route.config?.needs;
    // Routes that are open say so in the document too.
    if (needs === 'open') described.security = [];
    else if (needs !== undefined) Object.assign(described, { 'x-needs': needs });
    described.response = {
      ...problemAnswers(...refusals(route)),
      ...(described.response as object | undefined),
    };
  });
  // Sets the config of the user interface's own routes, which take none.
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, needs: 'open' };
    });
    await scope.register(swaggerUi, { routePrefix: '/api/docs' });
    scope.get('/api/openapi.json', { schema: { hide: true } }, () => Promise.resolve(app.swagger()));
  });
});

/** How a route may refuse by what it is; what is its own it says itself. */
function refusals({ method, config }: RouteOptions): ProblemStatus[] {
  const reads = [method].flat().every((one) => READING.includes(one));
  const { needs, rateLimit } = config ?? {};
  return [
    // A URL may be unreadable whatever it names.
    400,
    // A tenant that is named and unknown is a 404 of every route that needs a sign-in.
    ...when(needs !== 'open', 401, 403, 404),
    ...when(needs !== 'open' && needs !== 'signedIn', 409),
    ...when(!reads, 409, 413, 415, 422),
    ...when(rateLimit !== undefined, 429),
    503,
  ];
}

const when = (condition: boolean, ...statuses: ProblemStatus[]) => (condition ? statuses : []);

/** As the type provider has it; a body that is a stream has no schema, but kinds. */
const describe: typeof jsonSchemaTransform = (input) => {
  const made = jsonSchemaTransform(input);
  const { consumes, body } = made.schema;
  if (consumes === undefined || body !== undefined) return made;
  const stream = { schema: { type: 'string', format: 'binary' } };
  const content = Object.fromEntries(consumes.map((kind) => [kind, stream]));
  return { ...made, schema: { ...made.schema, body: { content } } };
};

interface Answer {
  content?: Record<string, unknown>;
}
interface Operation {
  requestBody?: { required?: boolean; content: Record<string, { schema?: { anyOf?: { type?: string }[] } }> };
  responses?: Record<string, Answer | { $ref: string }>;
}
/** What of an OpenAPI document is worked on here. */
interface Described {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, unknown>; responses?: Record<string, Answer> };
}

/** The refusals stand in one place, bodies that may be left out are not required, and schemas that nothing refers to are left out. */
const shorten: typeof jsonSchemaTransformObject = (input) => {
  const { paths = {}, components, ...rest } = jsonSchemaTransformObject(input) as Described;
  const responses: Record<string, Answer> = { Problem405: methodNotAllowed() };
  for (const { requestBody, responses: answers = {} } of Object.values(paths).flatMap((path) =>
    Object.values(path),
  )) {
    if (requestBody && Object.values(requestBody.content).some(takesNull)) requestBody.required = false;
    for (const [status, answer] of Object.entries(answers)) {
      if ('$ref' in answer || answer.content?.[PROBLEM_TYPE] === undefined) continue;
      responses[`Problem${status}`] = answer;
      answers[status] = { $ref: `#/components/responses/Problem${status}` };
    }
  }
  const schemas = Object.entries(components?.schemas ?? {});
  const text = JSON.stringify([paths, responses, schemas]);
  const used = schemas.filter(([name]) => new RegExp(`#/components/schemas/${name}\\b`).test(text));
  return {
    ...rest,
    paths,
    components: { ...components, schemas: Object.fromEntries(used), responses },
  } as Described;
};

const takesNull = ({ schema }: { schema?: { anyOf?: { type?: string }[] } }) =>
  schema?.anyOf?.some(({ type }) => type === 'null') ?? false;

/** Of no operation's, for an operation has a method that its path takes. */
function methodNotAllowed() {
  const [answer] = Object.values(problemAnswers(405));
  const schema = { $ref: '#/components/schemas/Problem' };
  const allow = {
    description: 'The methods that the path takes.',
    required: true,
    schema: { type: 'string' },
  };
  return {
    description: answer?.description,
    headers: { Allow: allow },
    content: { [PROBLEM_TYPE]: { schema } },
  };
}
