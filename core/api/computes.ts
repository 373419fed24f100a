import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import {
  ComputeState,
  computeSpecSchema,
  labelChangesSchema,
  nameSchema,
  restartPolicySchema,
} from '../compute.ts';
import { lastExitSchema, lastUpdateSchema, observedSchema } from '../observed.ts';
import { healthCheckSchema, healthSchema } from '../healthCheck.ts';
import { parseSince } from '../logSince.ts';
import { predictionSchema } from '../migration.ts';
import { publishedPortSchema, publishedPortsSchema } from '../publishedPorts.ts';
import { idOrNameSchema, pageQuerySchema, referenceSchema } from './common.ts';

const specShape = computeSpecSchema.shape;

/** Docker's own least is 6 MiB. */
const memorySchema = z
  .number()
  .int()
  .min(6 * 2 ** 20);
const cpusSchema = z.number().positive().max(1024);

export const createComputeRequestSchema = z
  .strictObject({
    name: nameSchema.refine((name) => !name.startsWith('cmp_'), 'must not look like an id'),
    /** Id or name. */
    image: idOrNameSchema,
    /** Id or name; without it the ready device with the most memory is chosen. */
    device: idOrNameSchema.optional(),
    /** Id or name of a group: it is made where its other computes are, and moves with them. */
    group: idOrNameSchema.optional(),
    command: z.array(z.string().max(32_768)).max(256).optional(),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable'),
        z.string().max(32_768),
      )
      .default({}),
    memoryBytes: memorySchema.optional(),
    cpus: cpusSchema.optional(),
    pids: specShape.pids,
    /** Besides those that every compute has. */
    capabilities: specShape.capabilities,
    labels: specShape.labels,
    volumes: specShape.volumes,
    tmpfs: specShape.tmpfs,
    /** Reached on every device's address, wherever the compute is. */
    ports: publishedPortsSchema,
    constraints: specShape.constraints,
    apart: specShape.apart,
    restartPolicy: restartPolicySchema.default({ name: 'no', maximumRetries: 0 }),
    /** What becomes of it when its device is lost; without it, it waits for its device. */
    protection: specShape.protection,
    healthCheck: specShape.healthCheck,
  })
  .refine(
    ({ protection, restartPolicy }) => protection?.kind !== 'restart' || restartPolicy.name === 'always',
    {
      path: ['protection'],
      message: 'needs the restart policy always: only what is to be started again is started elsewhere',
    },
  )
  .refine(({ protection, group }) => protection?.kind !== 'checkpoint' || group === undefined, {
    path: ['protection'],
    message: 'of checkpoints is not for a group: those of its computes would be of different moments',
  });
export type CreateComputeRequest = z.infer<typeof createComputeRequestSchema>;

const fixed = z.never({ error: 'cannot be changed; make a new compute with it' }).optional();

/** What is not named stays as it is. */
export const updateComputeRequestSchema = z
  .strictObject({
    memoryBytes: memorySchema.optional(),
    cpus: cpusSchema.optional(),
    pids: specShape.pids,
    /** Null takes one away. */
    labels: labelChangesSchema.optional(),
    restartPolicy: restartPolicySchema.optional(),
    /** Null takes it away. */
    healthCheck: healthCheckSchema.nullish(),
    ...{ name: fixed, image: fixed, command: fixed, env: fixed, capabilities: fixed, device: fixed },
    ...{ volumes: fixed, tmpfs: fixed, group: fixed, constraints: fixed, apart: fixed, protection: fixed },
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'must change something');
export type UpdateComputeRequest = Pick<
  z.output<typeof updateComputeRequestSchema>,
  'memoryBytes' | 'cpus' | 'pids' | 'labels' | 'restartPolicy' | 'healthCheck'
>;

export const computeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    tenant: referenceSchema,
    image: referenceSchema,
    device: referenceSchema,
    state: z.enum(Object.values(ComputeState) as [ComputeState, ...ComputeState[]]),
    /** One sentence: why it is in that state; may be empty. */
    reason: z.string(),
    causes: z.array(causeSchema),
    /** What was asked for; limits too are those that were asked for. */
    desired: z.enum(['running', 'stopped']),
    /** What its device says that there is. */
    observed: observedSchema.extend({
      /** Of the device's last sign of life; null before the first. */
      at: z.iso.datetime().nullable(),
    }),
    /** The last change that was asked for; null when there was none. */
    lastUpdate: lastUpdateSchema.nullable(),
    ip: z.string(),
    mac: z.string(),
    ports: z.array(publishedPortSchema),
    epoch: z.number().int(),
    movable: z.object({ ok: z.boolean(), causes: z.array(causeSchema) }),
    group: z.string(),
    /** Of the group that it was made in, whose computes move as one; null when it moves alone. */
    groupName: z.string().nullable(),
    command: z.array(z.string()).optional(),
    env: z.record(z.string(), z.string()),
    memoryBytes: z.number().int().optional(),
    cpus: z.number().optional(),
    pids: z.number().int(),
    capabilities: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    volumes: specShape.volumes,
    tmpfs: specShape.tmpfs,
    constraints: specShape.constraints,
    apart: specShape.apart,
    restartPolicy: restartPolicySchema,
    protection: specShape.protection,
    /** The last one, and the device that has it; null when there is none. */
    checkpoint: z
      .object({
        device: referenceSchema,
        takenAt: z.iso.datetime(),
        /** Of its parts. */
        bytes: z.number().int(),
        /** How long the compute stood still for it. */
        frozenMs: z.number(),
      })
      .nullable(),
    healthCheck: specShape.healthCheck,
    /** What its check says; null without one, and when it does not run. */
    health: healthSchema.extend({ at: z.iso.datetime() }).nullable(),
    exitCode: z.number().int().nullable(),
    /** How its program ended last by itself; null when it never did. */
    lastExit: lastExitSchema.nullable(),
    restarts: z.number().int(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Compute' });
export type ComputeView = z.infer<typeof computeSchema>;

/** A device that a compute could move to, or why not. */
export const computeTargetSchema = z
  .object({
    device: referenceSchema,
    ok: z.boolean(),
    causes: z.array(causeSchema),
    /** What the move would cost; null where it cannot go. */
    predicted: predictionSchema.nullable(),
    /** One sentence: what that was worked out from. */
    predictedFrom: z.string().nullable(),
  })
  .meta({ id: 'ComputeTarget' });
export type ComputeTarget = z.infer<typeof computeTargetSchema>;

/** `label=K=V`, several times: all of them must be. */
export const listComputesQuerySchema = pageQuerySchema.extend({
  /** Id or name of a device: only what is on it. */
  device: idOrNameSchema.optional(),
  /** Those of all tenants; for the operator. */
  all: z.stringbool().default(false),
  label: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .transform((given, context) => {
      const labels: Record<string, string> = {};
      for (const one of given === undefined ? [] : [given].flat()) {
        const at = one.indexOf('=');
        if (at < 1) {
          context.addIssue({ code: 'custom', message: 'must be NAME=VALUE' });
          return z.NEVER;
        }
        labels[one.slice(0, at)] = one.slice(at + 1);
      }
      return labels;
    }),
});

const flag = z
  .enum(['0', '1', 'true', 'false'])
  .default('0')
  .transform((text) => text === '1' || text === 'true');

export const logsQuerySchema = z.object({
  /** Go on with what is written from now on, also after a move. */
  follow: flag,
  /** Only so many last lines. */
  tail: z.coerce.number().int().min(0).max(1_000_000).optional(),
  /** From an instant on (RFC 3339), or from so long ago (`90s`, `10m`, `1h30m`, `2d`). */
  since: z
    .string()
    .max(64)
    .optional()
    .transform((text, context) => {
      if (text === undefined) return undefined;
      const since = parseSince(text, new Date());
      if (since) return since;
      context.addIssue({ code: 'custom', message: 'must be an instant (RFC 3339) or a duration like 10m' });
      return z.NEVER;
    }),
  /** As lines of JSON with time and stream, or as the text that was written. */
  format: z.enum(['ndjson', 'text']).default('ndjson'),
  /** In front of each line of text, when it was written. */
  timestamps: flag,
  /** As text, for a file. */
  download: flag,
});
