import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DrayageError } from '../../core/cause.ts';
import { PartMeter } from '../../core/partMeter.ts';
import { OpeningStream, SealingStream } from '../../core/sealedStream.ts';
import type { SnapshotPart } from '../../core/snapshot.ts';
import { snapshotsOf } from '../../db/snapshots.ts';
import type { ApiContext } from '../context.ts';
import { uploadError } from '../images/uploadError.ts';
import { putInPlace } from '../putInPlace.ts';
import { ABANDONED_MS } from '../removeAbandoned.ts';

type StoreContext = Pick<ApiContext, 'config' | 'authority'>;

const UPLOADS = 'uploads';
const rootOf = (dataDir: string) => join(dataDir, 'snapshots');

/** Where the parts of a snapshot lie, sealed: memory holds the tenant's secrets. */
export function snapshotFolder(dataDir: string, id: string): string {
  return join(rootOf(dataDir), id);
}

/** Where those of an archive are received; on the same file system, so that a rename puts them in place. */
export function uploadFolder(dataDir: string, id: string): string {
  return join(rootOf(dataDir), UPLOADS, id);
}

export async function prepareSnapshotStore(dataDir: string): Promise<void> {
  await mkdir(uploadFolder(dataDir, ''), { recursive: true, mode: 0o700 });
}

const keyOf = ({ authority }: StoreContext) => authority.secretFor('snapshots');
const aboutOf = (id: string, part: string) => `snapshot ${id} ${part}`;

/**
 * Keeps a part of a snapshot in a folder, sealed as it streams in; memory does not grow with it. One that is there is
 * replaced. Resolves when it is on disk. @throws DrayageError snapshotTooLarge, outOfDisk
 */
export async function keepPart(
  context: StoreContext,
  { id, part, folder }: { id: string; part: string; folder: string },
  body: Readable,
): Promise<SnapshotPart> {
  const { snapshotMaxBytes } = context.config;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `${part}.${randomBytes(8).toString('hex')}`);
  const meter = new PartMeter((bytes) =>
    bytes > snapshotMaxBytes ? snapshotTooLarge(snapshotMaxBytes) : null,
  );
  const sealing = new SealingStream(keyOf(context), aboutOf(id, part));
  try {
    await pipeline(body, meter, sealing, createWriteStream(temporary, { flags: 'wx', mode: 0o600 }));
    await putInPlace(temporary, join(folder, part));
  } catch (error) {
    await rm(temporary, { force: true });
    throw uploadError([error]);
  }
  return meter.part(part);
}

/** A part as it was given. It fails where it is damaged, before anything wrong is read of it. @throws DrayageError snapshotGone */
export async function openPart(context: StoreContext, id: string, part: string): Promise<Readable> {
  const path = join(snapshotFolder(context.config.dataDir, id), part);
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? snapshotGone(id) : error;
  });
  const opening = new OpeningStream(keyOf(context), aboutOf(id, part));
  pipeline(file.createReadStream(), opening).catch((error: unknown) => opening.destroy(error as Error));
  return opening;
}

/** Puts what was received of an archive into its place, durably. */
export async function putUploadInPlace(dataDir: string, id: string): Promise<void> {
  await putInPlace(uploadFolder(dataDir, id), snapshotFolder(dataDir, id));
}

/** Nothing there is no error. */
export async function discardParts(dataDir: string, id: string): Promise<void> {
  await rm(snapshotFolder(dataDir, id), { recursive: true, force: true });
}

/** Removes the parts of snapshots that failed, and uploads that were broken off with their process. */
export async function sweepSnapshotStore({ db, config }: Pick<ApiContext, 'db' | 'config'>): Promise<void> {
  const root = rootOf(config.dataDir);
  const ids = (await readdir(root)).filter((name) => name !== UPLOADS);
  if (ids.length > 0) {
    const { kept, failed } = await snapshotsOf(db, ids);
    for (const id of ids)
      // One that is in its place already may not be on record yet.
      if (failed.has(id) || (!kept.has(id) && (await isAbandoned(join(root, id)))))
        await rm(join(root, id), { recursive: true, force: true });
  }
  for (const id of await readdir(join(root, UPLOADS)))
    if (await isAbandoned(join(root, UPLOADS, id)))
      await rm(join(root, UPLOADS, id), { recursive: true, force: true });
}

/** Whether nothing was written in a folder for long. */
async function isAbandoned(folder: string): Promise<boolean> {
  const paths = [folder, ...(await readdir(folder).catch(() => [])).map((name) => join(folder, name))];
  const times = await Promise.all(paths.map((path) => stat(path).catch(() => null)));
  return Date.now() - Math.max(...times.map((found) => found?.mtimeMs ?? 0)) > ABANDONED_MS;
}

/** The error of a snapshot that is larger than the operator allows. */
export function snapshotTooLarge(maxBytes: number): DrayageError {
  return new DrayageError({
    code: 'snapshotTooLarge',
    message: `The snapshot is larger than ${String(maxBytes)} bytes.`,
    mend: 'Raise DRAYAGE_SNAPSHOT_MAX_BYTES, or make the compute smaller.',
  });
}

function snapshotGone(id: string): DrayageError {
  return new DrayageError({
    code: 'archiveGone',
    message: `What the control plane has kept of snapshot ${id} is gone.`,
    mend: 'Import it again if it was exported, or delete it.',
  });
}
