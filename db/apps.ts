import { and, count, desc, eq, getTableColumns, inArray, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import { type AppManifest, publishedOf, type Runtime } from '../core/appManifest.ts';
import { type AppState, FINAL_APP_STATES, LOG_MAX_LINES, requireStillReady } from '../core/application.ts';
import { type Cause, DrayageError } from '../core/cause.ts';
import type { ComputeSpec } from '../core/compute.ts';
import type { AddressRange } from '../core/ipv4.ts';
import type { Scope } from '../core/tenancy.ts';
import { createCompute, getCompute, setCreateRun } from './computes.ts';
import { type Database, only, unknown } from './database.ts';
import { deviceState, getDevice } from './devices.ts';
import { addEvent } from './events.ts';
import { getImage } from './images.ts';
import { cursorSequence, type Page, type PageRequest, toPage } from './pages.ts';
import { claimQuota } from './quotas.ts';
import { app, compute, device, image } from './schema/index.ts';
import { inScope } from './tenants.ts';

export type AppRow = typeof app.$inferSelect;

/** An application with the names of what belongs to it. */
export interface AppRecord extends AppRow {
  deviceName: string;
  imageName: string | null;
  computeName: string | null;
}

/** More at once of one tenant are refused: each holds a device's engine and disk. */
const BUILDS_AT_ONCE = 4;
/** How long the record of an ended build is kept. */
const KEPT_DAYS = 30;

function records(db: Database) {
  return db
    .select({
      ...getTableColumns(app),
      deviceName: device.name,
      imageName: image.name,
      computeName: compute.name,
    })
    .from(app)
    .innerJoin(device, eq(device.id, app.deviceId))
    .leftJoin(image, eq(image.id, app.imageId))
    .leftJoin(compute, eq(compute.id, app.computeId));
}

/** @throws DrayageError nameTaken, as the making of the compute would */
export async function requireFreeName(db: Database, tenantId: string, name: string): Promise<void> {
  const [taken] = await db
    .select({ id: compute.id })
    .from(compute)
    .where(and(eq(compute.tenantId, tenantId), eq(compute.name, name), isNull(compute.deletedAt)));
  const [built] = await db
    .select({ id: app.id })
    .from(app)
    .where(and(eq(app.tenantId, tenantId), eq(app.name, name), isNull(app.endedAt)));
  if (!taken && !built) return;
  throw new DrayageError({
    code: 'nameTaken',
    message: taken ? `A compute is called ${name}.` : `An application called ${name} is being built.`,
    mend: 'Choose another name, or delete the compute first with `drayage compute rm`.',
  });
}

export interface NewApp {
  id: string;
  tenantId: string;
  name: string;
  runtime: Runtime;
  manifest: AppManifest;
  base: { id: string; digest: string; bytes: number };
  deviceId: string;
  bytes: number;
  actor: string;
}

/**
 * Records an application whose archive was received. `keep` puts the archive in its place, inside the transaction.
 * @throws DrayageError nameTaken, tooManyBuilds, quotaExceeded, quotaNeedsLimit
 */
export async function createApp(
  db: Database,
  { base, ...values }: NewApp,
  keep: () => Promise<void>,
): Promise<AppRecord> {
  const { tenantId, name, manifest, id, actor } = values;
  return db.transaction(async (tx) => {
    const { memory: memoryBytes, cpus } = manifest;
    // Holds the tenant's row: of two that ask at once the second sees the first.
    await claimQuota(tx, tenantId, { computes: 1, memoryBytes, cpus, imageBytes: base.bytes + values.bytes });
    await requireFreeName(tx, tenantId, name);
    await requireRoom(tx, tenantId);
    await tx.insert(app).values({ ...values, base: { id: base.id, digest: base.digest }, state: 'queued' });
    const message = `${name} was uploaded.`;
    await addEvent(tx, { type: 'app.queued', subject: id, tenantId, actor, message });
    await keep();
    return getApp(tx, id);
  });
}

async function requireRoom(tx: Database, tenantId: string): Promise<void> {
  const open = and(eq(app.tenantId, tenantId), isNull(app.endedAt));
  const { are } = only(await tx.select({ are: count() }).from(app).where(open));
  if (are < BUILDS_AT_ONCE) return;
  throw new DrayageError({
    code: 'tooManyBuilds',
    message: `${String(are)} applications of the tenant are being built already.`,
    mend: 'Wait until one has ended; `drayage app ls` shows them.',
  });
}

/** By id, whosever it is. @throws DrayageError unknownApp */
export async function getApp(db: Database, id: string): Promise<AppRecord> {
  const [row] = await records(db).where(eq(app.id, id));
  if (!row) throw unknown('app', id);
  return row;
}

/** By id or name, of what the scope shows; of several of a name the newest. @throws DrayageError unknownApp, also for another tenant's */
export async function appInScope(db: Database, scope: Scope, idOrName: string): Promise<AppRecord> {
  const byId = idOrName.startsWith('app_');
  const [row] = await records(db)
    .where(and(eq(byId ? app.id : app.name, idOrName), inScope(app.tenantId, scope, byId)))
    .orderBy(desc(app.seq))
    .limit(1);
  if (!row) throw unknown('app', idOrName);
  return row;
}

/** An application that this device is building. @throws DrayageError unknownApp, also when it is another's, or ended */
export async function appOnDevice(db: Database, deviceId: string, id: string): Promise<AppRecord> {
  const [row] = await records(db).where(and(eq(app.id, id), eq(app.deviceId, deviceId), isNull(app.endedAt)));
  if (!row) throw unknown('app', id);
  return row;
}

/** A tenant's applications, newest first. */
export async function listApps(db: Database, tenantId: string, page: PageRequest): Promise<Page<AppRecord>> {
  const before = cursorSequence(page.cursor);
  const rows = await records(db)
    .where(and(eq(app.tenantId, tenantId), before === null ? undefined : lt(app.seq, before)))
    .orderBy(desc(app.seq))
    .limit(page.limit + 1);
  return toPage(rows, page.limit);
}

/** Records how far an application is; one that has ended stays as it is. */
export async function setAppState(
  db: Database,
  id: string,
  state: AppState,
  causes: Cause[] = [],
): Promise<void> {
  await db.transaction(async (tx) => {
    const reason = causes.map(({ message }) => message).join(' ');
    const endedAt = FINAL_APP_STATES.includes(state) ? sql`now()` : null;
    const [row] = await tx
      .update(app)
      .set({ state, reason, causes, endedAt })
      .where(and(eq(app.id, id), isNull(app.endedAt)))
      .returning();
    if (!row) return;
    const message = reason === '' ? `${row.name} is ${state}.` : reason;
    await addEvent(tx, { type: `app.${state}`, subject: id, tenantId: row.tenantId, message });
  });
}

/** Puts lines into the log from that line on, whatever stood there: an attempt that is repeated begins at 0 again. */
export async function putAppLog(
  db: Database,
  { id, deviceId }: { id: string; deviceId: string },
  from: number,
  lines: string[],
): Promise<void> {
  const { log } = await appOnDevice(db, deviceId, id);
  await db
    .update(app)
    .set({ log: [...log.slice(0, from), ...lines].slice(0, LOG_MAX_LINES) })
    .where(eq(app.id, id));
}

export async function setAppImage(db: Database, id: string, imageId: string): Promise<void> {
  await db.update(app).set({ imageId }).where(eq(app.id, id));
}

export async function setAppRun(db: Database, id: string, runId: string): Promise<void> {
  await db.update(app).set({ runId }).where(eq(app.id, id));
}

/**
 * Makes the record of an application's compute, on the device that has built it; asked again, it finds its own.
 * @throws DrayageError nameTaken, noAddress, quotaExceeded, quotaNeedsLimit, unknownImage, deviceNotReady
 */
export async function createAppCompute(
  db: Database,
  id: string,
  values: { range: AddressRange; computeId: string; group: string },
): Promise<{ spec: ComputeSpec; device: string; epoch: number }> {
  return db.transaction(async (tx) => {
    await tx.select().from(app).where(eq(app.id, id)).for('update');
    const row = await getApp(tx, id);
    const { manifest, deviceId, tenantId, name, actor } = row;
    if (row.computeId === null) {
      const at = await getDevice(tx, deviceId);
      requireStillReady({ name: at.name, state: deviceState(at) });
      const { id: imageId, digest } = await getImage(tx, row.imageId ?? '');
      const spec = {
        ...{ id: values.computeId, group: values.group, name, image: { id: imageId, digest } },
        ...{ env: manifest.env, memoryBytes: manifest.memory, cpus: manifest.cpus },
        ...{ capabilities: [], labels: {}, volumes: [], tmpfs: [] },
        restartPolicy: { name: 'no' as const, maximumRetries: 0 },
      };
      const ports = publishedOf(manifest.ports);
      await createCompute(tx, { tenantId, spec, deviceId, range: values.range, ports, actor });
      // The build's own workflow starts its making, and nobody else need.
      await setCreateRun(tx, values.computeId, id);
      await tx.update(app).set({ computeId: values.computeId }).where(eq(app.id, id));
    }
    const made = await getCompute(tx, row.computeId ?? values.computeId);
    return {
      spec: made.spec,
      device: made.placement?.deviceId ?? deviceId,
      epoch: made.placement?.epoch ?? 1,
    };
  });
}

/** Builds that have not ended, and are older than so many seconds. */
export async function openApps(db: Database, olderThanSeconds: number): Promise<AppRecord[]> {
  const old = sql`${app.createdAt} < now() - make_interval(secs => ${olderThanSeconds})`;
  return records(db).where(and(isNull(app.endedAt), old));
}

/** Of these ids, those of builds that have not ended (`open`), and of builds that have. */
export async function buildsOf(
  db: Database,
  ids: string[],
): Promise<{ open: Set<string>; ended: Set<string> }> {
  const rows = await db.select({ id: app.id, endedAt: app.endedAt }).from(app).where(inArray(app.id, ids));
  const of = (open: boolean) =>
    new Set(rows.filter(({ endedAt }) => (endedAt === null) === open).map(({ id }) => id));
  return { open: of(true), ended: of(false) };
}

/** Images of builds that failed before a compute was made of them. */
export async function imagesOfFailed(db: Database): Promise<string[]> {
  const rows = await db
    .select({ imageId: app.imageId })
    .from(app)
    .where(and(eq(app.state, 'failed'), isNull(app.computeId), isNotNull(app.imageId)));
  return rows.flatMap(({ imageId }) => (imageId === null ? [] : [imageId]));
}

export async function removeOldApps(db: Database): Promise<void> {
  await db.delete(app).where(lt(app.endedAt, sql`now() - make_interval(days => ${KEPT_DAYS})`));
}
