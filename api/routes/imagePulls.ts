import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { acceptedSchema, problemAnswers } from '../../core/api/common.ts';
import { imageNameSchema } from '../../core/api/images.ts';
import { imagePullSchema, type ImagePullView, pullImageSchema } from '../../core/api/registries.ts';
import { dockerArchitecture } from '../../core/architectures.ts';
import { DrayageError } from '../../core/cause.ts';
import { idSchema } from '../../core/ids.ts';
import { nameOfReference, parseReference } from '../../core/registryReference.ts';
import type { Database } from '../../db/database.ts';
import { allDevices } from '../../db/devices.ts';
import {
  createPull,
  type ImagePullRecord,
  pullFailed,
  pullInScope,
  setPullRun,
} from '../../db/imagePulls.ts';
import { toCause } from '../../core/toCause.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf, scopeOf, tenantOf } from '../plugins/auth.ts';

const tags = ['images'];

/** Images from registries. */
export const imagePullRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, workflows } = context;

  app.post('/images/pull', {
    config: { needs: 'member', idempotent: true },
    schema: {
      tags,
      summary: 'Get an image from a registry',
      body: pullImageSchema,
      response: { 202: acceptedSchema, ...problemAnswers(429) },
    },
    handler: async (request, reply) => {
      const { reference } = request.body;
      const name = request.body.name ?? defaultName(reference);
      const architecture = request.body.architecture ?? (await architectureOfDevices(db));
      const id = freshId('pull');
      const actor = accountOf(request).accountId;
      await createPull(db, { id, tenantId: tenantOf(request).id, reference, name, architecture, actor });
      try {
        const { runId } = await workflows.startPull({ pullId: id, reference });
        await setPullRun(db, id, runId);
        return await reply.code(202).send({ id, workflowId: id, runId });
      } catch (error) {
        await pullFailed(db, id, toCause(error));
        throw error;
      }
    },
  });

  app.get('/images/pulls/:pull', {
    config: { needs: 'viewer' },
    schema: {
      tags,
      summary: 'Show whether an image has come from its registry',
      params: z.object({ pull: idSchema('pull') }),
      response: { 200: imagePullSchema },
    },
    handler: async (request) => pullView(await pullInScope(db, scopeOf(request), request.params.pull)),
  });
  return Promise.resolve();
};

function defaultName(text: string): string {
  const reference = parseReference(text);
  const name = imageNameSchema.safeParse(reference ? nameOfReference(reference) : '');
  if (name.success) return name.data;
  throw new DrayageError({
    code: 'invalid',
    message: `${text} cannot be the name of an image here.`,
    mend: 'Give it another one with `--name`.',
  });
}

/** What most devices have, as Docker names it. */
async function architectureOfDevices(db: Database): Promise<string> {
  const counts = new Map<string, number>();
  for (const { inventory } of await allDevices(db)) {
    const name = dockerArchitecture(inventory.architecture);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, one], [, other]) => other - one);
  return most?.[0] ?? 'amd64';
}

function pullView(row: ImagePullRecord): ImagePullView {
  const { id, reference, name, state, causes, imageId, imageName, manifestDigest, createdAt } = row;
  const image = imageId === null || imageName === null ? null : { id: imageId, name: imageName };
  return { id, reference, name, state, causes, image, manifestDigest, createdAt: createdAt.toISOString() };
}
