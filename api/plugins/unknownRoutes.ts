import type { FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { DrayageError } from '../../core/cause.ts';

/** A path of the server, and what may be done with it. */
interface KnownPath {
  pattern: RegExp;
  parameters: number;
  methods: Set<string>;
}

/**
 * Refuses what is no route, before anything of it is read: with 405 and `Allow` where the path is one, else with 404. To be
 * registered before the routes.
 */
export const unknownRoutesPlugin = plugin(async (app) => {
  const known = new Map<string, KnownPath>();
  app.addHook('onRoute', ({ url, method }) => {
    const path = known.get(url) ?? {
      pattern: patternOf(url),
      parameters: url.split(/:|\*/).length - 1,
      methods: new Set(),
    };
    known.set(url, path);
    for (const one of [method].flat()) path.methods.add(one);
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    const path = request.url.split('?')[0] ?? '';
    const fitting = [...known.values()].filter(({ pattern }) => pattern.test(path));
    // As the document has it: `/devices/tokens` is not `/devices/{id}`.
    const [closest] = fitting.sort((one, other) => one.parameters - other.parameters);
    const allowed = [...(closest?.methods ?? [])].sort();
    if (allowed.length === 0) throw unknownRoute(request, path);
    void reply.header('allow', allowed.join(', '));
    throw methodNotAllowed(request, path, allowed);
  });
  return Promise.resolve();
});

/** Of a route's path as Fastify has it: `:name` is any one part, `*` the rest. */
function patternOf(url: string): RegExp {
  const text = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/:\w+/g, '[^/]+')
    .replaceAll('*', '.*');
  return new RegExp(`^${text}$`);
}

/** There is no such thing. */
export const unknownRoute = ({ method }: FastifyRequest, path: string) =>
  new DrayageError({
    code: 'unknownRoute',
    message: `There is no ${method} ${path}.`,
    mend: 'See /api/docs for what there is.',
  });

const methodNotAllowed = ({ method }: FastifyRequest, path: string, allowed: string[]) =>
  new DrayageError({
    code: 'methodNotAllowed',
    message: `${method} cannot be done with ${path}.`,
    mend: `What can be done with it: ${allowed.join(', ')}.`,
  });
