import { z } from 'zod';
import { LOG_LINE_MAX_CHARACTERS, LOG_MAX_LINES } from './application.ts';
import { computeSpecSchema, nameSchema } from './compute.ts';
import { keepingSchema } from './checkpoint.ts';
import { MAX_EPOCH } from './decideEpoch.ts';
import { inventorySchema } from './device.ts';
import { isPlain } from './discovery.ts';
import { EvacuationState, ItemState } from './evacuation.ts';
import { healthSchema } from './healthCheck.ts';
import { idSchema, transferIdSchema } from './ids.ts';
import { progressSchema } from './migration.ts';
import { lastExitSchema, limitsSchema } from './observed.ts';

/** What a device and the control plane say to each other (HTTPS, JSON, under /device/v1); both sides check it. */

/** The device's clock as it sent this, milliseconds since 1970; earlier versions do not say. */
const clockSchema = z.number().int().optional();
/** PEM; the certificate's subject is the control plane's choice, whatever this one says. */
const csrSchema = z.string().max(16_384);

export const joinRequestSchema = z.object({
  token: z.string().max(512),
  csr: csrSchema,
  clock: clockSchema,
  name: nameSchema,
  inventory: inventorySchema,
});
export type JoinRequest = z.infer<typeof joinRequestSchema>;

export const joinResponseSchema = z.object({
  deviceId: idSchema('device'),
  /** PEM. */
  certificate: z.string(),
  /** PEM of the control plane's own certificate authority. */
  ca: z.string(),
  /** The gateway through which devices reach Temporal. */
  temporal: z.object({ address: z.string(), namespace: z.string() }),
});
export type JoinResponse = z.infer<typeof joinResponseSchema>;

/**
 * A device without identity and token asks to be let in, again and again until it is. The connection shows a certificate
 * that the device made itself, so TLS has proved that it has the key that the request asks to certify.
 */
export const discoverRequestSchema = joinRequestSchema
  .omit({ token: true })
  // Nothing of it is proved, and an operator reads it.
  .refine(({ inventory }) => isPlain(inventory), { path: ['inventory'], message: 'must be plain text' });
export type DiscoverRequest = z.infer<typeof discoverRequestSchema>;

export const discoverResponseSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('discovered'), deviceId: idSchema('device') }),
  joinResponseSchema.extend({ state: z.literal('joined') }),
]);
export type DiscoverResponse = z.infer<typeof discoverResponseSchema>;

/** A device asks for a certificate of another key, with a connection that proves one of its own that is on record. */
export const renewalRequestSchema = z.object({ csr: csrSchema, clock: clockSchema });
export type RenewalRequest = z.infer<typeof renewalRequestSchema>;

export const renewalResponseSchema = z.object({
  /** PEM. */
  certificate: z.string(),
});

/** Why a device asks by itself to be emptied. */
export const SELF_EVACUATION_CAUSES = ['battery', 'temperature', 'shutdown'] as const;
export type SelfEvacuationCause = (typeof SELF_EVACUATION_CAUSES)[number];

/** A device asks to be emptied; nobody else's is ever meant. */
export const selfEvacuationRequestSchema = z.object({
  cause: z.enum(SELF_EVACUATION_CAUSES),
  /** So long it can wait, seconds. */
  deadlineSeconds: z.number().int().min(1).max(86_400),
  /** The figures behind the cause, for people. */
  detail: z.string().max(200).default(''),
});
export type SelfEvacuationRequest = z.input<typeof selfEvacuationRequestSchema>;

/** How far the last evacuation of the asking device is. */
export const selfEvacuationSchema = z.object({
  id: idSchema('evacuation'),
  state: z.enum(EvacuationState),
  reason: z.string(),
  counts: z.record(z.enum(ItemState), z.number().int()),
  deadlineAt: z.iso.datetime().nullable(),
  predictedEndAt: z.iso.datetime().nullable(),
  ended: z.boolean(),
});
export type SelfEvacuation = z.infer<typeof selfEvacuationSchema>;

/** Null while the device was never emptied. */
export const selfEvacuationResponseSchema = z.object({ evacuation: selfEvacuationSchema.nullable() });

const epochSchema = z.number().int().min(0).max(MAX_EPOCH);

export const heartbeatRequestSchema = z.object({
  inventory: inventorySchema,
  clock: clockSchema,
  computes: z
    .array(
      z.object({
        id: idSchema('compute'),
        epoch: epochSchema,
        running: z.boolean(),
        /** Absent in what earlier versions say. */
        limits: limitsSchema.nullish(),
      }),
    )
    .max(10_000),
  /**
   * Asks for a lease, of what may be started elsewhere; absent when there is nothing such. `generation` as it was told last, null
   * before it was.
   */
  lease: z.object({ generation: z.number().int().nullable() }).optional(),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

export const heartbeatResponseSchema = z.object({
  /**
   * Of the computes that were told of, those that are deleted, or another device's under a later epoch: only these may be
   * cleared away. Absent in what earlier versions say.
   */
  outdated: z.array(idSchema('compute')).default([]),
  /** Version of the network's rules; a device with another asks for them. Absent in what earlier versions say. */
  network: z.string().optional(),
  /** Answers the request for a lease; what is `outdated` has none in any case. Earlier versions grant none. */
  lease: z.object({ generation: z.number().int(), granted: z.boolean() }).optional(),
});
export type HeartbeatResponse = z.infer<typeof heartbeatResponseSchema>;

/** An owner on record says that it gave a group away before: the record is of an older backup. */
export const handOverRequestSchema = z.object({
  group: idSchema('group'),
  /** The epoch under which the other device got it. */
  epoch: epochSchema.min(2),
  target: idSchema('device'),
});
export type HandOverRequest = z.infer<typeof handOverRequestSchema>;

/** The answer to what only has to arrive. */
export const emptyResponseSchema = z.object({});

export const devicePlacementSchema = z.object({
  group: idSchema('group'),
  epoch: z.number().int(),
  spec: computeSpecSchema,
  desired: z.enum(['running', 'stopped']),
  /** What its check said last, here or on an earlier device. */
  health: healthSchema.nullish(),
  /** Of one that is protected by checkpoints: where they go. Null until a device was found for them. */
  keeping: keepingSchema.nullish(),
  /** The open transfer of the group with this device at one end. */
  transfer: z
    .object({
      id: transferIdSchema,
      source: idSchema('device'),
      target: idSchema('device'),
      role: z.enum(['source', 'target']),
    })
    .nullable(),
});
export type DevicePlacement = z.infer<typeof devicePlacementSchema>;

/** All groups this device owns; those it would own after an open transfer are not among them. */
export const placementsResponseSchema = z.object({ items: z.array(devicePlacementSchema) });

export const peerResponseSchema = z.object({
  id: idSchema('device'),
  linkAddress: z.string(),
  /** What is on record of its certificate (core/decideCertificate.ts); earlier versions do not say. */
  certificate: z.object({ keyHash: z.string(), issuedAt: z.number() }).optional(),
});
export type PeerResponse = z.infer<typeof peerResponseSchema>;

const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** Of an image's archive: so many of its layers, the lowest, are not sent. */
export const archiveQuerySchema = z.object({ skip: z.coerce.number().int().min(0).max(1000).default(0) });

/** Where a device gets an image that it needs, besides the control plane. */
export const imageSourcesSchema = z.object({
  /** Digests of the unpacked layers, the lowest first. */
  layers: z.array(digestSchema),
  /** Devices that have it. */
  peers: z.array(peerResponseSchema),
});
export type ImageSources = z.infer<typeof imageSourcesSchema>;

/** A device that has an image asks whether another one may have it. */
export const imageAskSchema = z.object({ device: idSchema('device') });

/** It may: this is the image. */
export const imageAllowedSchema = z.object({ digest: digestSchema });

/** All images of a device; those that are not the control plane's are passed over. */
export const heldImagesSchema = z.object({ digests: z.array(digestSchema).max(10_000) });

/** What a device asks of a peer: an image, without so many of its layers. */
export const imageRequestSchema = z.object({
  id: idSchema('image'),
  /** Digests of the layers that the asking device has. */
  without: z.array(digestSchema).max(1000),
});
export type ImageRequest = z.infer<typeof imageRequestSchema>;

export const askRequestSchema = z.object({
  role: z.enum(['source', 'target']),
  wants: z.enum(['abort', 'go', 'verdict']),
});
export type AskRequest = z.infer<typeof askRequestSchema>;

export const askResponseSchema = z.object({
  /** `abort` also for a transfer whose target discarded its copy: that outranks an earlier `go`. */
  verdict: z.enum(['none', 'go', 'abort']),
  closed: z.boolean(),
  outcome: z.enum(['owner', 'discarded', 'thawed']).nullable(),
});
export type AskResponse = z.infer<typeof askResponseSchema>;

/** `owner` and `discarded` are the target's to report, `thawed` and `released` the source's. */
export const reportRequestSchema = z.object({
  outcome: z.enum(['owner', 'discarded', 'thawed', 'released']),
});
export type ReportRequest = z.infer<typeof reportRequestSchema>;

/** How far the memory of a move is, told by its source. */
export const progressRequestSchema = progressSchema;

/** What a compute's check says, told when it has changed. */
export const healthRequestSchema = healthSchema.extend({ computeId: idSchema('compute') });
export type HealthRequest = z.infer<typeof healthRequestSchema>;

export const exitRequestSchema = z.object({
  computeId: idSchema('compute'),
  exitCode: z.number().int(),
  /** The device starts it again, by its restart policy. */
  restarting: z.boolean(),
  /** How often it was started again, in a row. */
  restarts: z.number().int().nonnegative(),
  /** Absent in what earlier versions say. */
  at: lastExitSchema.shape.at.optional(),
  oom: z.boolean().default(false),
});
export type ExitRequest = z.input<typeof exitRequestSchema>;

/** Lines of a build's log, from that line on; what stood there before is written over. */
export const appLogRequestSchema = z.object({
  from: z.number().int().min(0).max(LOG_MAX_LINES),
  lines: z
    .array(
      z
        .string()
        .max(LOG_LINE_MAX_CHARACTERS)
        .regex(/^\P{Cc}*$/u),
    )
    .max(LOG_MAX_LINES),
});
