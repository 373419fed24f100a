import { sql } from 'drizzle-orm';
import { check, doublePrecision, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Means over spans of time, in three resolutions (core/metrics.ts). `samples` says of how many a row is the mean. */
export const metric = pgTable(
  'metric',
  {
    /** Id of a device or a compute; what is deleted leaves its rows to their age. */
    subject: text('subject').notNull(),
    resolutionSeconds: integer('resolution_seconds').notNull(),
    /** Begin of the span, by the database's clock. */
    at: instant('at').notNull(),
    samples: integer('samples').notNull().default(1),
    cpus: doublePrecision('cpus').notNull(),
    memoryBytes: doublePrecision('memory_bytes').notNull(),
    diskBytes: doublePrecision('disk_bytes').notNull(),
    receivedBytesPerSecond: doublePrecision('received_bytes_per_second').notNull(),
    sentBytesPerSecond: doublePrecision('sent_bytes_per_second').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.subject, table.resolutionSeconds, table.at] }),
    index('metric_age').on(table.resolutionSeconds, table.at),
    check('metric_resolution', sql`${table.resolutionSeconds} in (10, 60, 600)`),
    check('metric_samples', sql`${table.samples} >= 1`),
  ],
);
