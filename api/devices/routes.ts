import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DrayageError } from '../../core/cause.ts';
import {
  askRequestSchema,
  askResponseSchema,
  type DevicePlacement,
  emptyResponseSchema,
  exitRequestSchema,
  handOverRequestSchema,
  healthRequestSchema,
  type HeartbeatRequest,
  heartbeatRequestSchema,
  heartbeatResponseSchema,
  joinRequestSchema,
  joinResponseSchema,
  peerResponseSchema,
  placementsResponseSchema,
  progressRequestSchema,
  renewalRequestSchema,
  renewalResponseSchema,
  reportRequestSchema,
} from '../../core/deviceApi.ts';
import { idSchema, transferIdSchema } from '../../core/ids.ts';
import { networkRulesSchema } from '../../core/networkRules.ts';
import { metricsReportSchema } from '../../core/metrics.ts';
import type { TransferRole } from '../../core/transfer.ts';
import { computesOnDevice, reconcileRunning, recordExit, recordHealth } from '../../db/computes.ts';
import { recordObserved } from '../../db/computeUpdates.ts';
import { keepingsOf } from '../../db/checkpoints.ts';
import { certificateOf, getDevice } from '../../db/devices.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { recordHandOver, settleEpochs } from '../../db/epochs.ts';
import { askLease } from '../../db/leases.ts';
import { addMetrics } from '../../db/metrics.ts';
import { setProgress } from '../../db/migrationMemory.ts';
import { askVerdict, getTransfer, reportTransfer, type TransferRow } from '../../db/transfers.ts';
import type { ApiContext } from '../context.ts';
import { openCheckpointKey } from '../failover/checkpointKeys.ts';
import { deviceAppRoutes } from './appRoutes.ts';
import { deviceCheckpointRoutes } from './checkpointRoutes.ts';
import { discoveryRoutes } from './discover.ts';
import { certificateShown, deviceOf } from './identity.ts';
import { deviceImageRoutes } from './images.ts';
import { clockOffset, joinDevice } from './join.ts';
import { NetworkRulesReader } from './networkRules.ts';
import { renewCertificate } from './renew.ts';
import { selfEvacuationRoutes } from './selfEvacuation.ts';
import { deviceSnapshotRoutes } from './snapshotRoutes.ts';
import { Tellings } from './tellings.ts';

/** An inventory is a few KB, a heartbeat of a full device some hundred. */
const BODY_LIMIT = 4 * 2 ** 20;

const transferParams = z.object({ id: transferIdSchema });

/** What devices ask of the control plane. A device speaks for itself only. */
export const deviceApiRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;
  const network = new NetworkRulesReader(context);
  const tellings = new Tellings();
  const compare = async (deviceId: string, computes: HeartbeatRequest['computes']) => {
    const outdated = await settleEpochs(db, deviceId, computes);
    await reconcileRunning(db, deviceId, computes);
    await recordObserved(db, deviceId, computes);
    return outdated;
  };
  await app.register(discoveryRoutes, { context });
  await app.register(deviceAppRoutes, { context });
  await app.register(deviceImageRoutes, { context });
  await app.register(deviceCheckpointRoutes, { context });
  await app.register(deviceSnapshotRoutes, { context });
  await app.register(selfEvacuationRoutes, { context });

  app.post('/join', {
    bodyLimit: BODY_LIMIT,
    config: { certificateOptional: true, admits: true },
    schema: { body: joinRequestSchema, response: { 200: joinResponseSchema } },
    handler: (request) => joinDevice(context, request.body),
  });

  app.post('/renewal', {
    config: { mayHaveExpired: true, admits: true },
    schema: { body: renewalRequestSchema, response: { 200: renewalResponseSchema } },
    handler: async (request) => {
      const { csr, clock } = request.body;
      const asked = { csr, clockOffsetMs: clockOffset(clock) };
      return { certificate: await renewCertificate(context, deviceOf(request), asked) };
    },
  });

  app.post('/heartbeat', {
    // Every two seconds from every device: only failures are worth a line.
    logLevel: 'warn',
    bodyLimit: BODY_LIMIT,
    schema: { body: heartbeatRequestSchema, response: { 200: heartbeatResponseSchema } },
    handler: async (request) => {
      const deviceId = deviceOf(request);
      const { inventory, clock, computes, lease } = request.body;
      const shown = { clockOffsetMs: clockOffset(clock), certificate: certificateShown(request) };
      request.refusedFor = (await heartbeat(db, deviceId, inventory, shown)).map(({ code }) => code);
      // Before what is outdated is looked up: what is given away between the two is outdated by then.
      const answer = lease && (await askLease(db, deviceId, lease.generation));
      const { socket } = request.raw;
      // With a lease goes what is not covered by it: that is never as it was a moment ago.
      const isRepeated = lease === undefined && tellings.isRepeated(deviceId, socket, computes);
      const outdated = isRepeated ? [] : await compare(deviceId, computes);
      if (!isRepeated && outdated.length === 0) tellings.note(deviceId, socket, computes);
      return { outdated, network: await network.version(), lease: answer };
    },
  });

  app.post('/hand-overs', {
    schema: { body: handOverRequestSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      const recorded = await recordHandOver(db, { deviceId: deviceOf(request), ...request.body });
      request.log.info({ ...request.body, device: request.deviceId, recorded }, 'a device gave a group away');
      return {};
    },
  });

  app.post('/metrics', {
    logLevel: 'warn',
    bodyLimit: BODY_LIMIT,
    schema: { body: metricsReportSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      await addMetrics(db, deviceOf(request), request.body);
      return {};
    },
  });

  app.get('/network', {
    logLevel: 'warn',
    schema: { response: { 200: networkRulesSchema } },
    handler: () => network.read(),
  });

  app.get('/placements', {
    schema: { response: { 200: placementsResponseSchema } },
    handler: async (request) => ({ items: await placementsOf(context, deviceOf(request)) }),
  });

  app.get('/peers/:deviceId', {
    schema: { params: z.object({ deviceId: idSchema('device') }), response: { 200: peerResponseSchema } },
    handler: async (request) => {
      const row = await getDevice(db, request.params.deviceId);
      return { id: row.id, linkAddress: row.inventory.linkAddress, certificate: certificateOf(row) };
    },
  });

  app.post('/transfers/:id/ask', {
    schema: { params: transferParams, body: askRequestSchema, response: { 200: askResponseSchema } },
    handler: async (request) => {
      const { role, wants } = request.body;
      requireRole(await getTransfer(db, request.params.id), deviceOf(request), role);
      return askVerdict(db, request.params.id, role, wants);
    },
  });

  app.post('/transfers/:id/report', {
    schema: { params: transferParams, body: reportRequestSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      const { outcome } = request.body;
      const role = outcome === 'owner' || outcome === 'discarded' ? 'target' : 'source';
      requireRole(await getTransfer(db, request.params.id), deviceOf(request), role);
      await reportTransfer(db, request.params.id, outcome);
      return {};
    },
  });

  app.post('/migrations/:id/progress', {
    // Several a second from every device that a compute leaves.
    logLevel: 'warn',
    schema: {
      params: z.object({ id: idSchema('migration') }),
      body: progressRequestSchema,
      response: { 200: emptyResponseSchema },
    },
    handler: async (request) => {
      await setProgress(db, request.params.id, deviceOf(request), request.body);
      return {};
    },
  });

  app.post('/health', {
    logLevel: 'warn',
    schema: { body: healthRequestSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      const { computeId, ...health } = request.body;
      await recordHealth(db, deviceOf(request), computeId, health);
      return {};
    },
  });

  app.post('/exits', {
    schema: { body: exitRequestSchema, response: { 200: emptyResponseSchema } },
    handler: async (request) => {
      const { computeId, ...exit } = request.body;
      const counted = await recordExit(db, deviceOf(request), computeId, exit);
      tellings.forget(deviceOf(request));
      if (!counted)
        request.log.info(
          { computeId, device: request.deviceId },
          'exit of a compute that is not there: ignored',
        );
      return {};
    },
  });
};

/** A device may speak as source or target only of a transfer in which it is that. */
function requireRole(transfer: TransferRow, deviceId: string, role: TransferRole): void {
  if ((role === 'source' ? transfer.sourceId : transfer.targetId) === deviceId) return;
  throw new DrayageError({
    code: 'notYourself',
    message: `Device ${deviceId} is not the ${role} of transfer ${transfer.id}.`,
    mend: 'A device speaks for itself only.',
  });
}

async function placementsOf(context: ApiContext, deviceId: string): Promise<DevicePlacement[]> {
  const { db } = context;
  const items: DevicePlacement[] = [];
  const keepings = await keepingsOf(db, deviceId);
  for (const { id, spec, desired, health, groupId, placement } of await computesOnDevice(db, deviceId)) {
    if (!placement) continue;
    const open = placement.transferId === null ? null : await getTransfer(db, placement.transferId);
    const transfer = open && {
      id: open.id,
      source: open.sourceId,
      target: open.targetId,
      role: 'source' as const,
    };
    const kept = keepings.get(id);
    const keeping = kept && {
      ...{ peer: kept.peer, last: kept.last },
      key: openCheckpointKey(context, id, kept.sealedKey),
    };
    items.push({ group: groupId, epoch: placement.epoch, spec, desired, health, keeping, transfer });
  }
  return items;
}
