import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { uploadAppQuerySchema } from '../../core/api/apps.ts';
import type { Accepted } from '../../core/api/common.ts';
import { appDockerfile } from '../../core/appDockerfile.ts';
import { type AppManifest, MANIFEST_NAME, publishedOf, runtimeOf } from '../../core/appManifest.ts';
import { nodeArchitecture } from '../../core/architectures.ts';
import { DEFAULT_MEMORY_BYTES } from '../../core/choosePlacement.ts';
import { type Cause, DrayageError } from '../../core/cause.ts';
import { refusePorts } from '../../core/publishedPorts.ts';
import { type AppRecord, createApp, requireFreeName, setAppRun } from '../../db/apps.ts';
import { type DeviceRow, getDevice } from '../../db/devices.ts';
import { getRuntime, type RuntimeBase } from '../../db/runtimes.ts';
import { reservedPorts } from '../reservedPorts.ts';
import { isTemporalAway } from '../computes/operate.ts';
import { type ApiContext, freshId } from '../context.ts';
import { chooseDevice, requireDevice, requireNone } from '../placement.ts';
import { receiveApp } from './receiveApp.ts';

/**
 * Receives an application, records it and starts its build. Once it is recorded it will be built: when Temporal is away, it
 * starts when Temporal is back.
 * @throws DrayageError nameTaken, noName, noRuntime, noBase, unknownDevice, tooManyBuilds, quotaExceeded, what is wrong with
 * the archive, and what speaks against the device
 */
export async function uploadApp(
  context: ApiContext,
  { tenantId, actor }: { tenantId: string; actor: string },
  query: z.output<typeof uploadAppQuerySchema>,
  body: Readable,
): Promise<Accepted> {
  const { db, config } = context;
  // What can be refused before gigabytes have come.
  if (query.name !== undefined) await requireFreeName(db, tenantId, query.name);
  if (query.runtime !== undefined) await getRuntime(db, query.runtime);
  const received = await receiveApp(config.dataDir, body, config.appMaxBytes);
  try {
    const { manifest, bytes } = received;
    const name = nameOf(query.name, manifest);
    requireNone(refusePorts(publishedOf(manifest.ports), await reservedPorts(context)));
    const runtime = runtimeOf(query.runtime, manifest);
    const base = await getRuntime(db, runtime);
    const deviceId = await deviceFor(context, base, manifest, bytes, query.device);
    const id = freshId('app');
    const row = await createApp(
      db,
      {
        ...{ id, tenantId, actor, name, runtime, manifest, deviceId, bytes },
        base: { id: base.imageId, digest: base.digest, bytes: base.bytes },
      },
      () => received.keep(id, appDockerfile({ id, base: base.digest, runtime }, manifest)),
    );
    return { id, workflowId: id, runId: (await startBuild(context, row)) ?? '' };
  } finally {
    await received.discard();
  }
}

/** Starts the build of an application that was recorded; null when Temporal is away, and it has to be tried again. */
export async function startBuild(context: ApiContext, row: AppRecord): Promise<string | null> {
  const { id, name, deviceId: device, base } = row;
  try {
    const { runId } = await context.workflows.startBuild({
      ...{ app: id, name, device, base },
      range: context.config.addresses,
    });
    await setAppRun(context.db, id, runId);
    return runId;
  } catch (error) {
    if (isTemporalAway(error)) return null;
    throw error;
  }
}

function nameOf(given: string | undefined, manifest: AppManifest): string {
  const name = given ?? manifest.name;
  if (name !== undefined) return name;
  throw new DrayageError({
    code: 'noName',
    message: `Neither the upload nor ${MANIFEST_NAME} says what the application is called.`,
    mend: 'Say it: `--name NAME`.',
  });
}

/** One that runs what the base has, and has room for the base, the archive, and the image that is made of both. */
async function deviceFor(
  context: ApiContext,
  base: RuntimeBase,
  manifest: AppManifest,
  bytes: number,
  named: string | undefined,
): Promise<string> {
  const demand = {
    memoryBytes: manifest.memory ?? DEFAULT_MEMORY_BYTES,
    // Each of them lies there twice while it is made: as an archive and unpacked.
    diskBytes: 2 * (base.bytes + 2 * bytes),
  };
  const architecture = nodeArchitecture(base.architecture);
  const against = ({ name, inventory }: DeviceRow): Cause[] =>
    inventory.architecture === architecture ? [] : [otherArchitecture(base, name, inventory.architecture)];
  if (named === undefined) return (await chooseDevice(context, demand, { against })).device.id;
  const row = await getDevice(context.db, named);
  await requireDevice(context.db, row, demand);
  requireNone(against(row));
  return row.id;
}

const otherArchitecture = (base: RuntimeBase, device: string, architecture: string): Cause => ({
  code: 'otherArchitecture',
  message: `The base of ${base.runtime} is for ${base.architecture}, and device ${device} is ${architecture}.`,
  mend: 'Name a device of that architecture, or none.',
});
