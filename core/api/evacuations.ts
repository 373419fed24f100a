import { z } from 'zod';
import { causeSchema } from '../cause.ts';
import { capsSchema, EvacuationKind, EvacuationState, ItemState, LEFTOVER_POLICIES } from '../evacuation.ts';
import { moveOptionsSchema, predictionSchema } from '../migration.ts';
import { acceptedSchema, idOrNameSchema, pageQuerySchema, referenceSchema } from './common.ts';

const values = <T extends string>(all: Record<string, T>) => Object.values(all) as [T, ...T[]];

export const evacuateRequestSchema = moveOptionsSchema.extend({
  /** Show the plan and start nothing. */
  dryRun: z.boolean().default(false),
  /** Most moves at once; those that are not given are the defaults. */
  caps: capsSchema.partial().default({}),
  /** So long it tries, seconds; without it until nothing more can be moved. */
  deadlineSeconds: z
    .number()
    .int()
    .min(1)
    .max(30 * 86_400)
    .optional(),
  /** What becomes, at the deadline, of what runs and could not be moved. */
  policy: z.enum(LEFTOVER_POLICIES).default('leave'),
  /** Bring back what left when the device is uncordoned. */
  returnHome: z.boolean().default(false),
});
export type EvacuateRequest = z.output<typeof evacuateRequestSchema>;

export const cancelRequestSchema = z.object({
  /** What becomes of the moves under way: they end as they would, or are rolled back where that is still possible. */
  moves: z.enum(['finish', 'abort']).default('finish'),
});

export const rebalanceRequestSchema = moveOptionsSchema.extend({
  dryRun: z.boolean().default(false),
  caps: capsSchema.partial().default({}),
  /** At most so many moves in an hour, those of the rebalances before counted. */
  mostPerHour: z.number().int().min(1).max(1_000).default(6),
});
export type RebalanceRequest = z.output<typeof rebalanceRequestSchema>;

export const evacuationItemSchema = z.object({
  /** Id of the group that moves as one. */
  group: z.string(),
  computes: z.array(referenceSchema),
  state: z.enum(values(ItemState)),
  /** One sentence: why there, why not, or how it ended. */
  reason: z.string(),
  causes: z.array(causeSchema),
  /** Where it was when it was planned. */
  source: referenceSchema.nullable(),
  target: referenceSchema.nullable(),
  predicted: predictionSchema.nullable(),
  /** When its move is going to start and end, or did. */
  startsAt: z.iso.datetime().nullable(),
  endsAt: z.iso.datetime().nullable(),
  attempts: z.number().int(),
  /** Its last move. */
  migration: z.string().nullable(),
});
export type EvacuationItemView = z.infer<typeof evacuationItemSchema>;

const countsSchema = z.record(z.enum(values(ItemState)), z.number().int());

export const evacuationPlanSchema = z.object({
  device: referenceSchema.nullable(),
  caps: capsSchema,
  /** In the order in which they are moved. */
  items: z.array(evacuationItemSchema),
  counts: countsSchema,
  /** When it was going to end, as it was planned first. */
  plannedEndAt: z.iso.datetime().nullable(),
  /** When it is going to end, as it is now. */
  predictedEndAt: z.iso.datetime().nullable(),
  /** Of all moves that are planned. */
  predicted: z.object({ wireBytes: z.number(), longestFreezeMs: z.number().nullable() }),
});

export const evacuationSummarySchema = z
  .object({
    id: z.string(),
    kind: z.enum(values(EvacuationKind)),
    device: referenceSchema.nullable(),
    state: z.enum(values(EvacuationState)),
    /** One sentence for a person. */
    reason: z.string(),
    policy: z.enum(LEFTOVER_POLICIES),
    options: moveOptionsSchema,
    returnHome: z.enum(['no', 'asked', 'done']),
    /** Of a return: the evacuation whose computes come back. */
    returns: z.string().nullable(),
    counts: countsSchema,
    deadlineAt: z.iso.datetime().nullable(),
    plannedEndAt: z.iso.datetime().nullable(),
    predictedEndAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'EvacuationSummary' });
export type EvacuationSummary = z.infer<typeof evacuationSummarySchema>;

export const evacuationSchema = evacuationSummarySchema
  .extend(evacuationPlanSchema.shape)
  .meta({ id: 'Evacuation' });
export type EvacuationView = z.infer<typeof evacuationSchema>;

/** 200 of a dry run. */
export const plannedEvacuationSchema = evacuationPlanSchema
  .extend({ reason: z.string() })
  .meta({ id: 'EvacuationPlan' });
export type EvacuationPlanView = z.infer<typeof plannedEvacuationSchema>;

/** 202: it goes on by itself. */
export const evacuationAcceptedSchema = acceptedSchema.extend({ plan: plannedEvacuationSchema });

export const listEvacuationsQuerySchema = pageQuerySchema.extend({
  /** Id or name: only those of this device. */
  device: idOrNameSchema.optional(),
  /** Only those that have not ended. */
  open: z.stringbool().default(false),
});
