import { z } from 'zod';
import { apartSchema, constraintsSchema } from './constraints.ts';
import { healthCheckSchema } from './healthCheck.ts';
import { idSchema } from './ids.ts';
import { protectionSchema } from './protection.ts';
import { tmpfsListSchema } from './tmpfs.ts';

export const ComputeState = {
  creating: 'creating',
  running: 'running',
  stopped: 'stopped',
  migrating: 'migrating',
  failed: 'failed',
  lost: 'lost',
} as const;
export type ComputeState = (typeof ComputeState)[keyof typeof ComputeState];

export const macSchema = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);

/** The address of a compute; given out by the control plane, the same for the compute's whole life. */
export const addressSchema = z.object({
  /** IPv4, dotted. */
  ip: z.ipv4(),
  /** Prefix length of the computes' network, e.g. 16. */
  prefix: z.number().int().min(8).max(30),
  /** IPv4 of the computes' gateway; absent when there is none. */
  gateway: z.ipv4().optional(),
  mac: macSchema,
});
export type Address = z.infer<typeof addressSchema>;

export const restartPolicySchema = z.object({
  name: z.enum(['no', 'on-failure', 'always']),
  /** Most restarts in a row for `on-failure`; 0 means without end. */
  maximumRetries: z.number().int().min(0).default(0),
});
export type RestartPolicy = z.infer<typeof restartPolicySchema>;

export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens');

/** Of those that Docker gives a container, what hardly a program needs and most escapes begin with: not given unless asked for. */
export const WITHHELD_CAPABILITIES = ['AUDIT_WRITE', 'MKNOD', 'NET_RAW', 'SETFCAP'] as const;

/** Processes and threads that a compute may have unless it is given another number: a fork bomb stays its own matter. */
export const DEFAULT_PIDS = 4096;

const MOST_LABELS = 64;

const labelNameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and . _ / - within');
const labelValueSchema = z
  .string()
  .max(256)
  .regex(/^[^\p{Cc}]*$/u, 'must have no control characters');

/** Labels that are set, and those that are taken away: null. */
export const labelChangesSchema = z
  .record(labelNameSchema, labelValueSchema.nullable())
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `must be at most ${String(MOST_LABELS)}`);

/** What its owner wants to find it by; nothing of it is looked at by Drayage. */
export const labelsSchema = z
  .record(labelNameSchema, labelValueSchema)
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `must be at most ${String(MOST_LABELS)}`);

/** All that a device needs to make a compute's containers; it is the same on source and target. */
export const computeSpecSchema = z.object({
  id: idSchema('compute'),
  group: idSchema('group'),
  name: nameSchema,
  image: z.object({
    id: idSchema('image'),
    /** The content's id as Docker names it: `sha256:` and 64 hex digits. */
    digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  }),
  /** Replaces the image's command where given. */
  command: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).default({}),
  /** Bytes. */
  memoryBytes: z.number().int().positive().optional(),
  /** CPUs, e.g. 0.5. */
  cpus: z.number().positive().optional(),
  /** Processes and threads. */
  pids: z.number().int().min(1).max(4_194_304).optional(),
  capabilities: z.array(z.enum(WITHHELD_CAPABILITIES)).default([]),
  labels: labelsSchema.default({}),
  volumes: z.array(z.object({ name: nameSchema, path: z.string().startsWith('/') })).default([]),
  tmpfs: tmpfsListSchema.default([]),
  /** What its devices have to be. */
  constraints: constraintsSchema.optional(),
  /** Never on one device with another compute of its tenant that has the same word. */
  apart: apartSchema.optional(),
  restartPolicy: restartPolicySchema.default({ name: 'no', maximumRetries: 0 }),
  /** What becomes of it when its device is lost; without it, it waits for its device. */
  protection: protectionSchema.optional(),
  healthCheck: healthCheckSchema.optional(),
  address: addressSchema,
});
export type ComputeSpec = z.infer<typeof computeSpecSchema>;
