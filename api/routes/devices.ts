import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import {
  addDeviceRequestSchema,
  approveRequestSchema,
  createJoinTokenRequestSchema,
  createJoinTokenResponseSchema,
  deviceClassSchema,
  deviceDetailSchema,
  deviceSchema,
  updateDeviceRequestSchema,
} from '../../core/api/devices.ts';
import { metricsQuerySchema, metricsSchema } from '../../core/api/metrics.ts';
import { DrayageError } from '../../core/cause.ts';
import { deviceClass } from '../../core/deviceClass.ts';
import { formatJoinToken } from '../../core/joinToken.ts';
import { only } from '../../db/database.ts';
import {
  type DeviceRow,
  getDevice,
  listDevices,
  retireDevice,
  setDeviceState,
  updateDevice,
} from '../../db/devices.ts';
import { openEvacuationOf } from '../../db/evacuations.ts';
import { listClasses } from '../../db/deviceClasses.ts';
import { approveDevice } from '../../db/discovery.ts';
import { createJoinToken } from '../../db/joinTokens.ts';
import { type ApiContext, freshId } from '../context.ts';
import { deviceViews } from '../devices/view.ts';
import { returnWhatLeft } from '../evacuations/start.ts';
import { movesOf } from '../fleet.ts';
import { accountOf } from '../plugins/auth.ts';
import { metricsView } from '../metricsView.ts';
import { hashSecret, newSecret } from '../secrets.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['devices'];

/** Devices and the tokens with which they join. */
export const deviceRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db, config, authority } = context;
  const shown = async (row: DeviceRow) => only(await deviceViews(db, [row]));

  const makeJoinToken = async (
    createdBy: string,
    { expiresInSeconds, ...expected }: z.output<typeof addDeviceRequestSchema>,
  ) => {
    const id = freshId('token');
    const secret = newSecret();
    const secretHash = hashSecret(secret);
    const values = { id, secretHash, createdBy, lifeSeconds: expiresInSeconds, ...expected };
    const row = await createJoinToken(db, values);
    const token = formatJoinToken({ id, secret, caFingerprint: authority.fingerprint });
    const controlUrl = `https://${config.advertiseHost}:${String(config.deviceListen.port)}`;
    return { id, token, expiresAt: row.expiresAt.toISOString(), controlUrl };
  };

  app.get('/devices', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'List devices',
      querystring: pageQuerySchema,
      response: { 200: listOf(deviceSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listDevices(db, request.query);
      return { items: await deviceViews(db, items), nextCursor };
    },
  });

  app.get('/devices/:id', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'Show a device, and to which classes of devices what runs on it can move',
      params,
      response: { 200: deviceDetailSchema },
    },
    handler: async (request) => {
      const row = await getDevice(db, request.params.id);
      const movesTo = movesOf(row.inventory, await listClasses(db, row.id));
      return { ...(await shown(row)), movesTo };
    },
  });

  app.get('/devices/compatibility', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'List the classes of devices: from which to which computes can move, and if not, why',
      response: { 200: listOf(deviceClassSchema) },
    },
    handler: async () => {
      const classes = await listClasses(db);
      const items = classes.map(({ id, inventory, devices, examples }) => {
        return { id, facts: deviceClass(inventory), devices, examples, movesTo: movesOf(inventory, classes) };
      });
      // As many as there are kinds of devices: one page.
      return { items, nextCursor: null };
    },
  });

  app.patch('/devices/:id', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Say where a device is and label it',
      params,
      body: updateDeviceRequestSchema,
      response: { 200: deviceSchema },
    },
    handler: async (request) => {
      const { id } = await getDevice(db, request.params.id);
      return shown(await updateDevice(db, id, request.body, accountOf(request).accountId));
    },
  });

  app.get('/devices/:id/metrics', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'What a device uses',
      params,
      querystring: metricsQuerySchema,
      response: { 200: metricsSchema },
    },
    handler: async (request) => {
      const { id } = await getDevice(db, request.params.id);
      return metricsView(db, id, request.query.seconds);
    },
  });

  app.post('/devices', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary:
        'Expect a device: make a token with which it joins, once, under this name and with these labels',
      body: addDeviceRequestSchema,
      response: { 201: createJoinTokenResponseSchema },
    },
    handler: async (request, reply) =>
      reply.code(201).send(await makeJoinToken(accountOf(request).accountId, request.body)),
  });

  app.post('/devices/tokens', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Make a token with which one device may join once; it is shown this once',
      body: createJoinTokenRequestSchema,
      response: { 201: createJoinTokenResponseSchema },
    },
    handler: async (request, reply) =>
      reply.code(201).send(await makeJoinToken(accountOf(request).accountId, request.body)),
  });

  app.post('/devices/:id/approve', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Let a device take part that has joined or was discovered; compare its keyFingerprint before',
      params,
      body: approveRequestSchema.nullish(),
      response: { 200: deviceSchema },
    },
    handler: async (request) => {
      const { id } = await getDevice(db, request.params.id);
      const actor = accountOf(request).accountId;
      return shown(await approveDevice(db, id, { name: request.body?.name, actor }));
    },
  });

  app.post('/devices/:id/cordon', {
    config: { needs: 'operator' },
    schema: { tags, summary: 'Place nothing more on a device', params, response: { 200: deviceSchema } },
    handler: async (request) => {
      const { id } = await getDevice(db, request.params.id);
      return shown(await setDeviceState(db, id, ['ready'], 'cordoned', accountOf(request).accountId));
    },
  });

  app.post('/devices/:id/uncordon', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Place computes on a device again; what its evacuation was to bring back comes back',
      params,
      response: { 200: deviceSchema },
    },
    handler: async (request) => {
      const { id, name } = await getDevice(db, request.params.id);
      const open = await openEvacuationOf(db, id);
      if (open?.kind === 'evacuate') throw beingEvacuated(name, open.id);
      const actor = accountOf(request).accountId;
      const row = await setDeviceState(db, id, ['cordoned', 'draining', 'drained'], 'ready', actor);
      await returnWhatLeft(context, id, actor);
      return shown(row);
    },
  });

  app.delete('/devices/:id', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Remove a device for good, or refuse a discovered one: its key is not let in by itself again',
      params,
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      const { id } = await getDevice(db, request.params.id);
      await retireDevice(db, id, accountOf(request).accountId);
      return reply.code(204).send(null);
    },
  });
};

function beingEvacuated(device: string, evacuation: string): DrayageError {
  return new DrayageError({
    code: 'evacuationRunning',
    message: `Device ${device} is being emptied (${evacuation}).`,
    mend: `Cancel that first with \`drayage evacuation cancel ${evacuation}\`.`,
  });
}
