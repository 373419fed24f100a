import type { FastifyInstance, FastifyReply } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../api/app.ts';
import { PROBLEM_TYPE } from '../../core/api/common.ts';
import { AnswerChecker, problemFaults } from './fuzz/checkAnswer.ts';
import { type OpenApiDocument, operationsOf } from './fuzz/document.ts';
import { makeScene } from './fuzz/scene.ts';
import { Sender } from './fuzz/send.ts';
import { type Fuzzing, tryOperation } from './fuzz/tryOperation.ts';
import { useApi } from './support/api.ts';

/** The same requests in each run, unless these say otherwise; a failure names its seed. */
const SEED = Number(process.env['DRAYAGE_FUZZ_SEED'] ?? 20_261_130);
/** Of each operation. */
const RUNS = Number(process.env['DRAYAGE_FUZZ_RUNS'] ?? 28);
/** For a machine that is busy with something else. */
const PATIENCE_MS = 300_000;

const api = useApi();
let sender: Sender | null = null;
afterEach(() => sender?.close());

/** Whether a URL is of a path of the document. */
const fits = (url: string, path: string) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(url);

/** Requests to an app, held against its own document. */
async function fuzzingOf(app: FastifyInstance): Promise<Fuzzing> {
  const document = (await app.inject('/api/openapi.json')).json<OpenApiDocument>();
  const scene = await makeScene(api);
  sender = new Sender(await app.listen({ port: 0, host: '127.0.0.1' }));
  return { document, scene, sender, checker: new AnswerChecker(document), seed: SEED, runs: RUNS, sent: 0 };
}

describe('requests that were made up', { timeout: PATIENCE_MS }, () => {
  it('are answered as the OpenAPI document says, each of them', async () => {
    const fuzzing = await fuzzingOf(api.app);
    const faults: string[] = [];
    for (const operation of operationsOf(fuzzing.document)) {
      const fault = await tryOperation(operation, fuzzing);
      if (fault !== null) faults.push(fault);
    }
    expect(faults.join('\n\n')).toBe('');
    expect(fuzzing.sent).toBeGreaterThanOrEqual(Math.min(2_000, RUNS * 70));
  });

  it('are told which methods a path takes', async () => {
    const { document } = await fuzzingOf(api.app);
    for (const [path, methods] of Object.entries(document.paths)) {
      const taken = Object.keys(methods).map((method) => method.toUpperCase());
      const url = path.replaceAll(/\{\w+\}/g, 'x');
      for (const method of [
        'GET',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'PROPFIND',
        'QUERY',
      ]) {
        // `/devices/tokens` is also what a device may be called.
        if (
          Object.entries(document.paths).some(
            ([other, does]) => fits(url, other) && method.toLowerCase() in does,
          )
        )
          continue;
        // Not read, whatever it is.
        const answer = await sender!.send({ method, url, headers: {}, body: '{', asker: 'nobody' }, null);
        const allowed = answer.headers.allow?.split(', ').filter((one) => one !== 'HEAD') ?? [];
        expect(answer.status, `${method} ${url}`).toBe(405);
        expect(allowed, `${method} ${url}`).toEqual(taken.sort());
        expect(problemFaults(answer.status, answer.body)).toEqual([]);
      }
    }
  });
});

/** Routes that do not do as they say, by what is wrong with them. */
const BROKEN: [string, (app: FastifyInstance) => void, RegExp][] = [
  [
    'fails',
    (app) => app.get('/broken', open(), () => Promise.reject(new Error('broken'))),
    /500 is not in the document/,
  ],
  [
    'answers a status that it does not say',
    (app) => app.get('/broken', open(), (_request, reply: FastifyReply) => reply.code(418).send(null)),
    /418 is not in/,
  ],
  [
    'answers another body',
    (app) =>
      app.get('/broken', open(), (_request, reply: FastifyReply) =>
        reply
          .serializer(() => '{"ok":1}')
          .type('application/json')
          .send({}),
      ),
    /not as documented: .*boolean/,
  ],
  [
    'answers of another kind',
    (app) =>
      app.get('/broken', open(), (_request, reply: FastifyReply) =>
        reply
          .serializer(() => 'ok')
          .type('text/html')
          .send({}),
      ),
    /is text\/html, not application\/json/,
  ],
  [
    'refuses without a problem document',
    (app) =>
      app.get('/broken', open(), (_request, reply: FastifyReply) =>
        reply
          .code(400)
          .type(PROBLEM_TYPE)
          .serializer(() => '{}')
          .send({}),
      ),
    /no problem document/,
  ],
  [
    'refuses without a cause',
    (app) =>
      app.get('/broken', open(), (_request, reply: FastifyReply) =>
        reply
          .code(400)
          .type(PROBLEM_TYPE)
          .serializer(() => PROBLEM_WITHOUT_CAUSE)
          .send({}),
      ),
    /poor problem document/,
  ],
];
const PROBLEM_WITHOUT_CAUSE = JSON.stringify({ type: 'x', title: 'x', status: 400, detail: '', causes: [] });

function open(querystring?: z.ZodType) {
  const schema = {
    response: { 200: z.object({ ok: z.boolean() }) },
    ...(querystring ? { querystring } : {}),
  };
  return { config: { needs: 'open' as const }, schema };
}

describe('a route', { timeout: PATIENCE_MS }, () => {
  let app: FastifyInstance | null = null;
  afterEach(async () => app?.close());
  const faultOf = async (add: (to: FastifyInstance) => void) => {
    app = await createApp(api.context);
    add(app);
    const fuzzing = await fuzzingOf(app);
    const broken = operationsOf(fuzzing.document).find(({ path }) => path === '/broken');
    return tryOperation(broken!, fuzzing);
  };

  it.each(BROKEN)('that %s is found', async (_what, add, fault) => {
    expect(await faultOf(add)).toMatch(fault);
  });

  it('that fails for few requests is found, with a small one of them and the seed', async () => {
    const query = open(
      z.object({ a: z.string().optional(), n: z.coerce.number().int().min(0).max(1_000_000) }),
    );
    const fault = await faultOf((to) =>
      to.get('/broken', query, (request) => {
        if ((request.query as { n: number }).n >= 1_000) throw new Error('broken');
        return Promise.resolve({ ok: true });
      }),
    );
    expect(fault).toContain(`seed ${String(SEED)}`);
    expect(fault).toContain('/broken?n=1000"');
  });

  it('that does as it says is not', async () => {
    expect(await faultOf((to) => to.get('/broken', open(), () => Promise.resolve({ ok: true })))).toBeNull();
  });
});
