import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import plugin from 'fastify-plugin';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** The API's description at /api/openapi.json, to browse at /api/docs. Both are open: they hold no data. */
export const openApiPlugin = plugin<{ version: string }>(async (app, { version }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Drayage',
        version,
        description:
          'Live migration for containers on edge devices. Errors are RFC 9457 problem documents with causes.',
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
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  // Routes that are open say so in the document too.
  app.addHook('onRoute', (route) => {
    const described = (route.schema ??= {});
    const needs = route.config?.needs;
    if (needs === 'open') described.security = [];
    else if (needs !== undefined) Object.assign(described, { 'x-needs': needs });
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
