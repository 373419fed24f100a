import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema, problemAnswers } from '../../core/api/common.ts';
import { createScheduleRequestSchema, scheduleSchema, type ScheduleView } from '../../core/api/schedules.ts';
import { nextRun } from '../../core/schedule.ts';
import { getDevice } from '../../db/devices.ts';
import {
  createSchedule,
  getSchedule,
  listSchedules,
  removeSchedule,
  type ScheduleRecord,
} from '../../db/schedules.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf } from '../plugins/auth.ts';
import { settleSchedules } from '../schedules/settleSchedules.ts';

const params = z.object({ id: idOrNameSchema });
const tags = ['schedules'];

/** What begins by itself at certain times. */
export const scheduleRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/schedules', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'List schedules',
      querystring: pageQuerySchema,
      response: { 200: listOf(scheduleSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listSchedules(db, request.query);
      return { items: items.map(view), nextCursor };
    },
  });

  app.post('/schedules', {
    config: { needs: 'operator', idempotent: true },
    schema: {
      tags,
      summary: 'Make a schedule: an evacuation or a rebalance that begins at certain times',
      body: createScheduleRequestSchema,
      response: { 201: scheduleSchema, ...problemAnswers(404, 409) },
    },
    handler: async (request, reply) => {
      const { name, cron, timeZone, action, options } = request.body;
      const deviceId =
        request.body.action === 'evacuate' ? (await getDevice(db, request.body.device)).id : null;
      const createdBy = accountOf(request).accountId;
      const values = { id: freshId('schedule'), name, cron, timeZone, action, deviceId, options, createdBy };
      const made = await createSchedule(db, values);
      await settleSchedules(context);
      return reply.code(201).send(view(made));
    },
  });

  app.get('/schedules/:id', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Show a schedule, and what it began last',
      params,
      response: { 200: scheduleSchema, ...problemAnswers(404) },
    },
    handler: async (request) => view(await getSchedule(db, request.params.id)),
  });

  app.delete('/schedules/:id', {
    config: { needs: 'operator' },
    schema: {
      tags,
      summary: 'Delete a schedule; what it has begun goes on',
      params,
      response: { 204: z.null(), ...problemAnswers(404) },
    },
    handler: async (request, reply) => {
      const { id } = await getSchedule(db, request.params.id);
      await removeSchedule(db, id, accountOf(request).accountId);
      await settleSchedules(context);
      return reply.code(204).send(null);
    },
  });
  return Promise.resolve();
};

function view(row: ScheduleRecord): ScheduleView {
  const { id, name, action, deviceId, deviceName, cron, timeZone, options } = row;
  return {
    ...{ id, name, action, cron, timeZone, options },
    device: deviceId === null ? null : { id: deviceId, name: deviceName ?? deviceId },
    nextRunAt: nextRun(cron, timeZone, new Date())?.toISOString() ?? null,
    lastRun:
      row.lastRunAt === null
        ? null
        : { at: row.lastRunAt.toISOString(), evacuation: row.lastEvacuationId, cause: row.lastCause },
    createdAt: row.createdAt.toISOString(),
  };
}
