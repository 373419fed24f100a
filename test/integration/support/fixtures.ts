import { randomBytes } from 'node:crypto';
import { asc } from 'drizzle-orm';
import type { ComputeSpec } from '../../../core/compute.ts';
import type { Inventory } from '../../../core/device.ts';
import { deviceClass } from '../../../core/deviceClass.ts';
import { newId } from '../../../core/ids.ts';
import { parseAddressRange } from '../../../core/ipv4.ts';
import type { PublishedPort } from '../../../core/publishedPorts.ts';
import type { SnapshotContent } from '../../../core/snapshot.ts';
import { type AppRecord, createApp } from '../../../db/apps.ts';
import { type ComputeRecord, createCompute, setComputeState } from '../../../db/computes.ts';
import type { Database } from '../../../db/database.ts';
import { createAccount } from '../../../db/accounts.ts';
import { createDevice, type DeviceRow, setDeviceState } from '../../../db/devices.ts';
import { createImage } from '../../../db/images.ts';
import { createMigration } from '../../../db/migrationRecords.ts';
import { tenant } from '../../../db/schema/index.ts';
import { createSnapshot, finishSnapshot, type SnapshotRecord } from '../../../db/snapshots.ts';
import { createTenant } from '../../../db/tenants.ts';
import { openTransfer } from '../../../db/transfers.ts';

const GIB = 2 ** 30;

export const addressRange = parseAddressRange('10.77.0.0/16', '10.77.1.0-10.77.1.9');

export function makeInventory(over: Partial<Inventory> = {}): Inventory {
  return {
    hostname: 'edge',
    architecture: 'x64',
    kernel: '6.12.0',
    engine: '28.5.0',
    criu: '4.2.1',
    runc: '1.3.6',
    cgroupVersion: '1',
    cgroupDriver: 'cgroupfs',
    cpuFeatures: ['avx2', 'sse4_2'],
    cpus: 2,
    memoryBytes: 4 * GIB,
    memoryAvailableBytes: 2 * GIB,
    diskBytes: 20 * GIB,
    diskAvailableBytes: 10 * GIB,
    linkAddress: '127.0.0.1:7444',
    version: '0.1.0',
    ...over,
  };
}

export const id = (kind: Parameters<typeof newId>[0]) => newId(kind, randomBytes);
export const transferId = () => randomBytes(16).toString('hex');

let counter = 0;
const unique = (prefix: string) => `${prefix}-${String(++counter)}`;

export async function makeDevice(
  db: Database,
  over: { name?: string; inventory?: Partial<Inventory> } = {},
): Promise<DeviceRow> {
  const row = await createDevice(db, {
    id: id('device'),
    name: over.name ?? unique('edge'),
    publicKeyHash: randomBytes(32).toString('hex'),
    inventory: makeInventory(over.inventory),
  });
  return setDeviceState(db, row.id, ['pending'], 'ready');
}

/** The tenant that things of these fixtures belong to; the first account's, or one that is made for them. */
export async function firstTenant(db: Database): Promise<string> {
  const [first] = await db.select().from(tenant).orderBy(asc(tenant.seq)).limit(1);
  if (first) return first.id;
  const owner = id('user');
  const email = `${unique('owner')}@example.org`;
  await createAccount(db, { id: owner, email, passwordHash: '', role: 'user' });
  return (await createTenant(db, { id: id('tenant'), name: unique('tenant'), owner })).id;
}

export async function makeImage(db: Database, name = unique('image'), tenantId?: string) {
  return createImage(
    db,
    {
      id: id('image'),
      tenantId: tenantId ?? (await firstTenant(db)),
      name,
      blob: {
        digest: `sha256:${randomBytes(32).toString('hex')}`,
        archiveHash: randomBytes(32).toString('hex'),
        bytes: 1024,
        info: {
          source: 'rootFileSystem',
          architecture: 'amd64',
          entrypoint: [],
          command: ['/bin/app'],
          env: [],
          workingDir: '/',
          layers: 1,
        },
      },
    },
    () => Promise.resolve(),
  );
}

/** A running compute on a device of its own, or on the given one. */
export async function makeCompute(
  db: Database,
  over: {
    name?: string;
    deviceId?: string;
    tenantId?: string;
    ports?: PublishedPort[];
    spec?: Partial<ComputeSpec>;
  } = {},
): Promise<ComputeRecord> {
  const tenantId = over.tenantId ?? (await firstTenant(db));
  const image = await makeImage(db, undefined, tenantId);
  const made = await createCompute(db, {
    tenantId,
    deviceId: over.deviceId ?? (await makeDevice(db)).id,
    range: addressRange,
    ports: over.ports ?? [],
    spec: {
      id: id('compute'),
      group: id('group'),
      name: over.name ?? unique('compute'),
      image: { id: image.id, digest: image.digest },
      env: {},
      capabilities: [],
      labels: {},
      volumes: [],
      tmpfs: [],
      restartPolicy: { name: 'no', maximumRetries: 0 },
      ...over.spec,
    },
  });
  await setComputeState(db, made.id, 'running');
  return { ...made, state: 'running' };
}

/** An application that was uploaded, and is built on a device of its own, or on the given one. */
export async function makeApp(db: Database, tenantId?: string, deviceId?: string): Promise<AppRecord> {
  const of = tenantId ?? (await firstTenant(db));
  const base = await makeImage(db, undefined, of);
  return createApp(
    db,
    {
      ...{
        id: id('app'),
        tenantId: of,
        name: unique('app'),
        runtime: 'node',
        actor: id('user'),
        bytes: 1024,
      },
      manifest: { start: ['node', 'server.js'], ports: [], env: { A: 'b' }, memory: 64 * 2 ** 20 },
      base: { id: base.id, digest: base.digest, bytes: base.blob.bytes },
      deviceId: deviceId ?? (await makeDevice(db)).id,
    },
    () => Promise.resolve(),
  );
}

/** A snapshot of a compute, ready but for its parts: the control plane has no files of it. */
export async function makeSnapshot(db: Database, compute: ComputeRecord): Promise<SnapshotRecord> {
  const { id: computeId, name: computeName, tenantId, spec, imageId, placement } = compute;
  const made = await createSnapshot(db, {
    ...{ id: id('snapshot'), tenantId, name: unique('snapshot'), note: '', actor: id('user') },
    ...{ computeId, computeName, spec, imageId, workflowId: computeId },
    ...{ class: deviceClass(makeInventory()), deviceId: placement?.deviceId ?? '' },
  });
  await finishSnapshot(db, made.id, makeContent());
  return made;
}

/** What a device tells of a snapshot of a compute without volumes. */
export function makeContent(over: Partial<SnapshotContent> = {}): SnapshotContent {
  const digest = `sha256:${'0'.repeat(64)}`;
  const parts = ['images', 'layer.0'].map((name) => ({ name, bytes: 100, digest }));
  return { frozenMs: 80, memoryBytes: 2 ** 20, descriptors: [], bound: [], parts, ...over };
}

/** A compute with a move under way and its transfer open. */
export async function makeTransfer(db: Database, tenantId?: string) {
  const compute = await makeCompute(db, tenantId === undefined ? {} : { tenantId });
  const source = compute.placement?.deviceId ?? '';
  const target = (await makeDevice(db)).id;
  const migrationId = id('migration');
  const epoch = (compute.placement?.epoch ?? 0) + 1;
  await createMigration(db, {
    id: migrationId,
    group: compute.groupId,
    compute: compute.id,
    source,
    target,
    epoch,
    workflowId: compute.id,
  });
  const opening = { id: transferId(), migrationId, group: compute.groupId, source, target, epoch };
  await openTransfer(db, opening);
  return { compute, source, target, migrationId, opening, id: opening.id, group: compute.groupId, epoch };
}
