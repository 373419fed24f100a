import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { ComputeState, computeSpecSchema, nameSchema, restartPolicySchema } from '../compute.ts';
import { publishedPortSchema, publishedPortsSchema } from '../publishedPorts.ts';
import { idOrNameSchema, pageQuerySchema, referenceSchema } from './common.ts';

const specShape = computeSpecSchema.shape;

export const createComputeRequestSchema = z.object({
  name: nameSchema.refine((name) => !name.startsWith('cmp_'), 'must not look like an id'),
  /** Id or name. */
  image: idOrNameSchema,
  /** Id or name; without it the ready device with the most memory is chosen. */
  device: idOrNameSchema.optional(),
  command: z.array(z.string().max(32_768)).max(256).optional(),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable'),
      z.string().max(32_768),
    )
    .default({}),
  /** Docker's own least is 6 MiB. */
  memoryBytes: z
    .number()
    .int()
    .min(6 * 2 ** 20)
    .optional(),
  cpus: z.number().positive().max(1024).optional(),
  pids: specShape.pids,
  /** Besides those that every compute has. */
  capabilities: specShape.capabilities,
  labels: specShape.labels,
  volumes: specShape.volumes,
  tmpfs: specShape.tmpfs,
  /** Reached on every device's address, wherever the compute is. */
  ports: publishedPortsSchema,
  restartPolicy: restartPolicySchema.default({ name: 'no', maximumRetries: 0 }),
});
export type CreateComputeRequest = z.infer<typeof createComputeRequestSchema>;

export const computeSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    image: referenceSchema,
    device: referenceSchema,
    state: z.enum(Object.values(ComputeState) as [ComputeState, ...ComputeState[]]),
    /** One sentence: why it is in that state; may be empty. */
    reason: z.string(),
    causes: z.array(causeSchema),
    desired: z.enum(['running', 'stopped']),
    ip: z.string(),
    mac: z.string(),
    ports: z.array(publishedPortSchema),
    epoch: z.number().int(),
    movable: z.object({ ok: z.boolean(), causes: z.array(causeSchema) }),
    group: z.string(),
    command: z.array(z.string()).optional(),
    env: z.record(z.string(), z.string()),
    memoryBytes: z.number().int().optional(),
    cpus: z.number().optional(),
    pids: z.number().int(),
    capabilities: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    volumes: specShape.volumes,
    tmpfs: specShape.tmpfs,
    restartPolicy: restartPolicySchema,
    exitCode: z.number().int().nullable(),
    restarts: z.number().int(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Compute' });
export type ComputeView = z.infer<typeof computeSchema>;

/** `label=K=V`, several times: all of them must be. */
export const listComputesQuerySchema = pageQuerySchema.extend({
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

export const logsQuerySchema = z.object({
  follow: z.enum(['0', '1', 'true', 'false']).default('0'),
  /** Only so many last lines. */
  tail: z.coerce.number().int().min(0).max(1_000_000).optional(),
});
