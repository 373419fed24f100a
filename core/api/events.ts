import { z } from 'zod';
import { pageQuerySchema } from './common.ts';

/** The `data` of each message of the stream; its `event` is the type once more, its `id` the id. */
export const eventSchema = z
  .object({
    /** Its place in the order of events; null for what is told but not kept (`migration.progress`). */
    id: z.number().int().nonnegative().nullable(),
    type: z.string(),
    /** Id of what it happened to. */
    subject: z.string(),
    /** Account or device that did it; null: the control plane itself. */
    actor: z.string().nullable(),
    /** One sentence for a person. */
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
    at: z.iso.datetime(),
  })
  .meta({ id: 'Event' });
export type EventView = z.infer<typeof eventSchema>;

/** Of the message that says that events were missed; its subject is the stream. */
export const RESET = 'reset';
/** How far the memory of a move is; told twice a second at most, and not kept. */
export const PROGRESS = 'migration.progress';
/** Header of the answer: the id after which the stream begins. */
export const LAST_EVENT_ID = 'last-event-id';

const eventIdSchema = z.string().regex(/^\d{0,15}$/, 'must be the id of an event');

export const eventsQuerySchema = z.object({
  /** Only these types, with commas between them; `compute.*` is all that begin so. */
  types: z.string().max(1024).optional(),
  /** Only of what has this id. */
  subject: z.string().min(1).max(128).optional(),
  /** For a client that cannot set the header Last-Event-ID, which goes before it. */
  lastEventId: eventIdSchema.optional(),
});

export const eventHistoryQuerySchema = pageQuerySchema.extend({
  types: z.string().max(1024).optional(),
  subject: z.string().min(1).max(128).optional(),
});

/** The others are left as they are. */
export const eventsHeadersSchema = z.looseObject({ [LAST_EVENT_ID]: eventIdSchema.optional() });
