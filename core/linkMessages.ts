import { z } from 'zod';
import { causeSchema } from './cause.ts';
import { macSchema } from './compute.ts';
import { SourceState, TargetState } from './ownership.ts';
import { phaseSchema } from './migration.ts';

/**
 * What devices say to each other. Bulk data (images, files, logs) goes in streams of its own over the same connection;
 * these are the messages of a transfer's session, one JSON object a line, and of the exchange that recovery uses.
 */

export const targetStatusSchema = z.object({
  state: z.enum(Object.values(TargetState) as [TargetState, ...TargetState[]]),
  ready: z.boolean(),
  live: z.boolean(),
  /** Why it discarded. */
  trouble: causeSchema.nullable(),
  /** The target's part of the hot window, as far as it got. */
  phases: z.array(phaseSchema),
  /** Milliseconds between the first instruction after the restore and the sending of `ready`. */
  heldMs: z.number().nonnegative(),
});
export type TargetStatusMessage = z.infer<typeof targetStatusSchema>;

export const sourceStateSchema = z.enum(['unknown', ...Object.values(SourceState)]);

/** A name that is one file in one directory. */
export const imageNameSchema = z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/);

/** One image file of a dump. */
const imageSchema = z.object({
  name: imageNameSchema,
  bytes: z.number().int().nonnegative(),
  /** CRC-32 of its content. */
  crc: z.number().int(),
  /** Sent in the one stream of all small files, in this order; else in a stream of its own. */
  packed: z.boolean(),
  /** A file of pages that travels with the memory, by reference; neither stream nor check sum here. */
  referenced: z.boolean().default(false),
});
export type ImageEntry = z.infer<typeof imageSchema>;

export const manifestSchema = z.object({
  computes: z.array(
    z.object({
      id: z.string(),
      images: z.array(imageSchema),
      roots: z.array(z.object({ name: z.string(), bytes: z.number().int().nonnegative() })),
      logBytes: z.number().int().nonnegative(),
    }),
  ),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** An entry of a compute's neighbour table. */
const neighbourSchema = z.object({ ip: z.ipv4(), mac: macSchema });
export type Neighbour = z.infer<typeof neighbourSchema>;

export const fromSourceSchema = z.discriminatedUnion('type', [
  /** The computes are frozen: their addresses are the target's now. Neighbours by compute id. */
  z.object({
    type: z.literal('announce'),
    neighbours: z.record(z.string(), z.array(neighbourSchema).max(4096)),
  }),
  z.object({ type: z.literal('manifest'), manifest: manifestSchema }),
  z.object({ type: z.literal('state'), state: sourceStateSchema }),
]);
export type FromSource = z.infer<typeof fromSourceSchema>;

export const fromTargetSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('armed') }),
  z.object({ type: z.literal('announced') }),
  z.object({ type: z.literal('status'), status: targetStatusSchema }),
]);
export type FromTarget = z.infer<typeof fromTargetSchema>;

/** Either party tells its state of a transfer and hears the other's; it may be repeated without end. */
export const exchangeSchema = z.discriminatedUnion('role', [
  z.object({
    role: z.literal('source'),
    group: z.string(),
    epoch: z.number().int(),
    state: sourceStateSchema,
  }),
  z.object({
    role: z.literal('target'),
    group: z.string(),
    epoch: z.number().int(),
    status: targetStatusSchema,
  }),
]);
export type Exchange = z.infer<typeof exchangeSchema>;

/** Where a target takes the pages that a source has asked it to keep: the port, on the same host, and what is said first. */
export const pagesAcceptedSchema = z.object({
  port: z.number().int().min(1).max(65_535),
  token: z.string().regex(/^[\w-]{1,64}$/),
});
export type PagesAccepted = z.infer<typeof pagesAcceptedSchema>;
