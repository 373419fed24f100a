import { sql } from 'drizzle-orm';
import { bigint, check, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { ImageInfo } from '../../core/imageArchive.ts';
import { createdAt, sequence } from './columns.ts';
import { tenant } from './tenants.ts';

/** One archive in DATA_DIR/images; several names may share it. */
export const imageBlob = pgTable(
  'image_blob',
  {
    /** As Docker names the image: `sha256:` and 64 hex digits of its configuration. */
    digest: text('digest').primaryKey(),
    /** SHA-256 (hex) of the archive file itself. */
    archiveHash: text('archive_hash').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    info: jsonb('info').$type<ImageInfo>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    check('image_blob_digest', sql`${table.digest} ~ '^sha256:[0-9a-f]{64}$'`),
    check('image_blob_bytes', sql`${table.bytes} > 0`),
  ],
);

export const image = pgTable(
  'image',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    name: text('name').notNull(),
    digest: text('digest')
      .notNull()
      .references(() => imageBlob.digest),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex('image_name').on(table.tenantId, table.name),
    index('image_tenant').on(table.tenantId, table.seq),
    index('image_digest').on(table.digest),
  ],
);
