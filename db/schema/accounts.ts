import { check, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import type { AccountRole } from '../../core/tenancy.ts';
import { createdAt, instant, sequence } from './columns.ts';

/** A person who may sign in. */
export const account = pgTable(
  'account',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    email: text('email').notNull().unique(),
    /** `scrypt$N$r$p$salt$hash`, base64url. */
    passwordHash: text('password_hash').notNull(),
    role: text('role').$type<AccountRole>().notNull().default('user'),
    createdAt: createdAt(),
  },
  (table) => [
    check('account_role', sql`${table.role} in ('operator', 'user')`),
    check('account_email', sql`${table.email} = lower(${table.email})`),
  ],
);

/** Wrong passwords in a row for an email, be there such an account or not: being locked says nothing about that. */
export const signInFailure = pgTable('sign_in_failure', {
  /** SHA-256 (hex) of the email. */
  emailHash: text('email_hash').primaryKey(),
  failures: integer('failures').notNull(),
  lockedUntil: instant('locked_until'),
  lastAt: instant('last_at').notNull().defaultNow(),
});

/** A bearer secret: a session (made by signing in) or a token for programs. Only its SHA-256 is kept. */
export const token = pgTable(
  'token',
  {
    id: text('id').primaryKey(),
    seq: sequence(),
    accountId: text('account_id')
      .notNull()
      .references(() => account.id, { onDelete: 'cascade' }),
    kind: text('kind', { enum: ['session', 'api'] }).notNull(),
    name: text('name').notNull(),
    secretHash: text('secret_hash').notNull().unique(),
    createdAt: createdAt(),
    lastUsedAt: instant('last_used_at'),
    /** Null: no end. Sessions always have one. */
    expiresAt: instant('expires_at'),
  },
  (table) => [
    index('token_account').on(table.accountId, table.kind, table.seq),
    check('token_kind', sql`${table.kind} in ('session', 'api')`),
    check('token_session_expires', sql`${table.kind} <> 'session' or ${table.expiresAt} is not null`),
  ],
);

/** The first answer to a request that carried an Idempotency-Key; a repeated request gets it again. */
export const idempotencyKey = pgTable(
  'idempotency_key',
  {
    accountId: text('account_id')
      .notNull()
      .references(() => account.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    /** SHA-256 of method, path and body: the same key with another request is an error. */
    requestHash: text('request_hash').notNull(),
    /** Null while the first request is still being answered. */
    status: integer('status'),
    contentType: text('content_type'),
    body: jsonb('body').$type<unknown>(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.key] })],
);
