import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { ImageInfo, RootFileSystemOptions } from '../../core/imageArchive.ts';
import { createdAt, instant, sequence } from './columns.ts';
import { device } from './devices.ts';
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
    /** Digests of the unpacked layers, the lowest first; none is known of what an earlier version has stored. */
    layers: jsonb('layers').$type<string[]>().notNull().default([]),
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

/** Which devices say that they have an image. */
export const imageLocation = pgTable(
  'image_location',
  {
    digest: text('digest')
      .notNull()
      .references(() => imageBlob.digest, { onDelete: 'cascade' }),
    deviceId: text('device_id')
      .notNull()
      .references(() => device.id),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.digest, table.deviceId] }),
    index('image_location_device').on(table.deviceId),
  ],
);

/** An archive that comes in parts; what has come lies in DATA_DIR/images/parts, and its size is how far it is. */
export const imageUpload = pgTable(
  'image_upload',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenant.id),
    /** Of the image that it becomes. */
    name: text('name').notNull(),
    /** Of the file as it is sent. */
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    /** SHA-256 of the file as it is sent, `sha256:` and 64 hex digits. */
    digest: text('digest').notNull(),
    options: jsonb('options').$type<RootFileSystemOptions>().notNull(),
    /** It became an image; kept for those who ask once more because they did not hear that. */
    finished: boolean('finished').notNull().default(false),
    imageId: text('image_id').references(() => image.id, { onDelete: 'cascade' }),
    expiresAt: instant('expires_at').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    index('image_upload_tenant').on(table.tenantId, table.seq),
    index('image_upload_image').on(table.imageId),
    index('image_upload_expires').on(table.expiresAt),
    check('image_upload_digest', sql`${table.digest} ~ '^sha256:[0-9a-f]{64}$'`),
    check('image_upload_bytes', sql`${table.bytes} > 0`),
    check('image_upload_finished', sql`${table.finished} = (${table.imageId} is not null)`),
  ],
);
