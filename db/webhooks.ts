import { and, asc, count, desc, eq, gt, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { DrayageError } from '../core/cause.ts';
import type { Scope } from '../core/tenancy.ts';
import { addAuditEntry } from './audit.ts';
import { type Database, only, unknown } from './database.ts';
import { addEvent, newestEvent } from './events.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { webhook, webhookDelivery } from './schema/index.ts';
import { inScope, lockTenant } from './tenants.ts';

export type Webhook = typeof webhook.$inferSelect;
export type WebhookDelivery = typeof webhookDelivery.$inferSelect;

/** Each costs the control plane a look at every event. */
export const MAX_WEBHOOKS = 20;
/** Attempts that are kept of each webhook. */
export const DELIVERIES_KEPT = 100;

/** Makes a webhook of what happens from now on. @throws DrayageError tooManyWebhooks */
export async function createWebhook(
  db: Database,
  values: Pick<Webhook, 'id' | 'tenantId' | 'url' | 'types' | 'sealedSecret'>,
  actor: string,
): Promise<Webhook> {
  const { id, tenantId, url } = values;
  return db.transaction(async (tx) => {
    await lockTenant(tx, tenantId);
    const has = only(
      await tx.select({ webhooks: count() }).from(webhook).where(eq(webhook.tenantId, tenantId)),
    );
    if (has.webhooks >= MAX_WEBHOOKS) throw tooMany();
    const cursor = await newestEvent(tx);
    const row = only(
      await tx
        .insert(webhook)
        .values({ ...values, cursor })
        .returning(),
    );
    const message = `Events are sent to ${hostOf(url)}.`;
    await addEvent(tx, { type: 'webhook.created', subject: id, tenantId, actor, message });
    return row;
  });
}

const tooMany = () =>
  new DrayageError({
    code: 'tooManyWebhooks',
    message: `A tenant has at most ${String(MAX_WEBHOOKS)} webhooks.`,
    mend: 'Remove one with `drayage webhook rm`.',
  });

/** The rest of an address may be a secret. */
const hostOf = (url: string) => new URL(url).host;

/** A tenant's webhooks, oldest first. */
export async function listWebhooks(
  db: Database,
  tenantId: string,
  page: PageRequest,
): Promise<Page<Webhook>> {
  const after = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(webhook)
    .where(and(eq(webhook.tenantId, tenantId), after === null ? undefined : gt(webhook.seq, after)))
    .orderBy(asc(webhook.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** @throws DrayageError unknownWebhook, also for another tenant's */
export async function webhookInScope(db: Database, scope: Scope, id: string): Promise<Webhook> {
  const [row] = await db
    .select()
    .from(webhook)
    .where(and(eq(webhook.id, id), inScope(webhook.tenantId, scope, true)));
  if (!row) throw unknown('webhook', id);
  return row;
}

/** Changes it; what is undefined stays. What is enabled is tried at once. */
export async function changeWebhook(
  db: Database,
  row: Webhook,
  change: Partial<Pick<Webhook, 'url' | 'types' | 'enabled'>>,
  actor: string,
): Promise<Webhook> {
  const { id, tenantId } = row;
  const begun =
    change.enabled === true
      ? { disabledReason: null, failures: 0, failingSince: null, nextAttemptAt: null }
      : {};
  return db.transaction(async (tx) => {
    const [changed] = await tx
      .update(webhook)
      .set({ ...change, ...begun, id })
      .where(eq(webhook.id, id))
      .returning();
    if (!changed) throw unknown('webhook', id);
    const message = `The webhook to ${hostOf(changed.url)} was changed.`;
    await addEvent(tx, { type: 'webhook.changed', subject: id, tenantId, actor, message });
    return changed;
  });
}

export async function removeWebhook(db: Database, row: Webhook, actor: string): Promise<void> {
  const { id, tenantId, url } = row;
  await db.transaction(async (tx) => {
    const gone = await tx.delete(webhook).where(eq(webhook.id, id)).returning();
    if (gone.length === 0) throw unknown('webhook', id);
    const message = `Events are not sent to ${hostOf(url)} any more.`;
    await addEvent(tx, { type: 'webhook.deleted', subject: id, tenantId, actor, message });
  });
}

const free = or(isNull(webhook.leasedUntil), lte(webhook.leasedUntil, sql`now()`));

const due = or(isNull(webhook.nextAttemptAt), lte(webhook.nextAttemptAt, sql`now()`));

/** Those that may be delivered to now, by whoever takes them first. */
export async function dueWebhooks(db: Database): Promise<Webhook[]> {
  return db
    .select()
    .from(webhook)
    .where(and(eq(webhook.enabled, true), due, free))
    .orderBy(asc(webhook.seq));
}

const leaseOf = (owner: string, seconds: number) => ({
  leaseOwner: owner,
  leasedUntil: sql`now() + make_interval(secs => ${seconds})`,
});

/**
 * Takes a webhook for one process: nobody else delivers to it for so long, or until `release`. Gives it as it is now; null when
 * somebody else has it, or it is not due or not enabled any more.
 */
export async function takeWebhook(
  db: Database,
  id: string,
  owner: string,
  seconds: number,
): Promise<Webhook | null> {
  const mine = or(free, eq(webhook.leaseOwner, owner));
  const [row] = await db
    .update(webhook)
    .set(leaseOf(owner, seconds))
    .where(and(eq(webhook.id, id), eq(webhook.enabled, true), due, mine))
    .returning();
  return row ?? null;
}

export async function releaseWebhook(db: Database, id: string, owner: string): Promise<void> {
  await db
    .update(webhook)
    .set({ leaseOwner: null, leasedUntil: null })
    .where(and(eq(webhook.id, id), eq(webhook.leaseOwner, owner)));
}

/** Moves the cursor over events that are not the webhook's, or were taken. Never back. */
export async function advanceWebhook(db: Database, id: string, cursor: number): Promise<void> {
  await db
    .update(webhook)
    .set({ cursor, failures: 0, failingSince: null, nextAttemptAt: null })
    .where(and(eq(webhook.id, id), lt(webhook.cursor, cursor)));
}

/** Notes a failed attempt; the next is made in so many milliseconds. */
export async function postponeWebhook(db: Database, id: string, afterMs: number): Promise<void> {
  await db
    .update(webhook)
    .set({
      failures: sql`${webhook.failures} + 1`,
      failingSince: sql`coalesce(${webhook.failingSince}, now())`,
      nextAttemptAt: sql`now() + make_interval(secs => ${afterMs / 1000})`,
    })
    .where(eq(webhook.id, id));
}

/** Ends a webhook that its receiver does not take events from; audited as the control plane's own act. */
export async function disableWebhook(db: Database, row: Webhook, reason: string): Promise<void> {
  const { id, tenantId } = row;
  await db.transaction(async (tx) => {
    const ended = await tx
      .update(webhook)
      .set({ enabled: false, disabledReason: reason, nextAttemptAt: null })
      .where(and(eq(webhook.id, id), eq(webhook.enabled, true)))
      .returning();
    if (ended.length === 0) return;
    await addEvent(tx, { type: 'webhook.disabled', subject: id, tenantId, message: reason });
    await addAuditEntry(tx, {
      ...{ tenantId, action: 'webhook disabled', subject: id },
      ...{ address: 'control plane', status: 200, causes: ['notTaken'] },
    });
  });
}

/** Keeps an attempt, and of each webhook the last DELIVERIES_KEPT. @throws DrayageError unknownWebhook: it was deleted meanwhile */
export async function addDelivery(
  db: Database,
  attempt: Omit<WebhookDelivery, 'seq' | 'at'>,
): Promise<WebhookDelivery> {
  const { webhookId } = attempt;
  return db.transaction(async (tx) => {
    const [there] = await tx
      .select({ id: webhook.id })
      .from(webhook)
      .where(eq(webhook.id, webhookId))
      .for('key share');
    if (!there) throw unknown('webhook', webhookId);
    const row = only(await tx.insert(webhookDelivery).values(attempt).returning());
    await tx.execute(sql`
      delete from webhook_delivery where webhook_id = ${webhookId} and seq <= (
        select seq from webhook_delivery where webhook_id = ${webhookId} order by seq desc
        offset ${DELIVERIES_KEPT} limit 1
      )`);
    return row;
  });
}

/** Newest first. */
export async function listDeliveries(
  db: Database,
  webhookId: string,
  page: PageRequest,
): Promise<Page<WebhookDelivery>> {
  const before = cursorSequence(page.cursor);
  const rows = await db
    .select()
    .from(webhookDelivery)
    .where(
      and(
        eq(webhookDelivery.webhookId, webhookId),
        before === null ? undefined : lt(webhookDelivery.seq, before),
      ),
    )
    .orderBy(desc(webhookDelivery.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

const fails = sql`${webhook.enabled} and ${webhook.failures} > 0`;

/** How many take events, repeat one, or were ended. */
export async function countWebhooks(
  db: Database,
): Promise<{ fine: number; failing: number; disabled: number }> {
  const number = (which: SQL) => sql`count(*) filter (where ${which})`.mapWith(Number);
  return only(
    await db
      .select({
        fine: number(sql`${webhook.enabled} and ${webhook.failures} = 0`),
        failing: number(fails),
        disabled: number(sql`not ${webhook.enabled}`),
      })
      .from(webhook),
  );
}

/** For how long the one that fails longest has, seconds; 0 without one. */
export async function longestFailing(db: Database): Promise<number> {
  const seconds = sql`coalesce(extract(epoch from now() - min(${webhook.failingSince})), 0)`.mapWith(Number);
  return only(await db.select({ seconds }).from(webhook).where(fails)).seconds;
}
