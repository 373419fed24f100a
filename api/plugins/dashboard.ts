import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { unknownRoute } from './unknownRoutes.ts';

/** What is no page of the dashboard, whoever asks. */
const NOT_PAGES = /^\/(api|healthz|readyz|metrics|assets)(\/|$)/;
/** As Vite names files by what is in them. */
const HASHED = /-[\w-]{8}\.\w+(\.\w+)?$/;
const YEAR_SECONDS = 31_536_000;
const NOT_BUILT =
  'The dashboard is not built. Build it with: npm run build:web\nThe API is up; see /api/docs.\n';

/** Nothing of another origin, and nothing inline: what somebody has named a compute stays a text. */
const HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
    },
  },
  referrerPolicy: { policy: 'same-origin' },
  xFrameOptions: { action: 'deny' },
  // Whether there is TLS in front of it, and for which names, is not known here.
  strictTransportSecurity: false,
};

/**
 * The dashboard's one page (`npm run build:web` makes it) at every address that is not the API's. To be registered before what
 * refuses unknown routes: the addresses of its pages are none.
 */
export const dashboardPlugin = plugin<{ directory: string }>(async (app, { directory }) => {
  await app.register(helmet, { global: false });
  await app.register(fastifyStatic, {
    ...{ root: directory, serve: false, preCompressed: true, cacheControl: false },
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404 && isNavigation(request)) return sendPage(reply, directory);
  });
});

/** What of the dashboard are routes: its first address and its files. */
export const dashboardRoutes: FastifyPluginAsync<{ directory: string }> = async (app, { directory }) => {
  const open = { config: { needs: 'open' as const }, schema: { hide: true }, logLevel: 'warn' as const };
  app.get('/', { ...open, handler: (_request, reply) => sendPage(reply, directory) });
  app.get<{ Params: { '*': string } }>('/assets/*', {
    ...open,
    handler: async (request, reply) => {
      const file = request.params['*'];
      if (file.includes('..') || !(await exists(join(directory, 'assets', file))))
        throw unknownRoute(request, request.url);
      reply.helmet(HEADERS);
      const caching = HASHED.test(file) ? `public, max-age=${String(YEAR_SECONDS)}, immutable` : 'no-cache';
      return reply.header('cache-control', caching).sendFile(`assets/${file}`);
    },
  });
  return Promise.resolve();
};

async function sendPage(reply: FastifyReply, directory: string): Promise<FastifyReply> {
  reply.helmet(HEADERS);
  void reply.header('cache-control', 'no-cache');
  if (await exists(join(directory, 'index.html'))) return reply.sendFile('index.html');
  return reply.code(503).type('text/plain; charset=utf-8').send(NOT_BUILT);
}

/** Somebody opens a page: a program that asks for an address that there is not is told so. */
function isNavigation({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return !NOT_PAGES.test(url.split('?')[0] ?? '') && (headers.accept ?? '').includes('text/html');
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
