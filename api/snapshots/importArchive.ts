import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { z } from 'zod';
import type { importSnapshotQuerySchema } from '../../core/api/snapshots.ts';
import { DrayageError } from '../../core/cause.ts';
import { type ArchiveMember, imageRefused, memberName, unsafeMember } from '../../core/imageArchive.ts';
import { badSnapshot, bytesOfParts, planRestore, type SnapshotManifest } from '../../core/snapshot.ts';
import { imageInScope } from '../../db/images.ts';
import { claimQuota } from '../../db/quotas.ts';
import { importSnapshot, type SnapshotRecord } from '../../db/snapshots.ts';
import { type ApiContext, freshId } from '../context.ts';
import { type Body, readMembers } from '../images/readMembers.ts';
import { unzipped } from '../images/unzipped.ts';
import { uploadError } from '../images/uploadError.ts';
import { isSealed, MANIFEST_MAX_BYTES, Member, readManifest } from './manifest.ts';
import { keepPart, putUploadInPlace, snapshotTooLarge, uploadFolder } from './store.ts';

const MAKE_SNAPSHOT = 'Make it with `drayage compute snapshot export`.';
const SEAL_MAX_BYTES = 1024;

interface Importing {
  tenantId: string;
  actor: string;
  /** Who imports it is the operator, and vouches for it. */
  trusted: boolean;
}

/**
 * Takes in a snapshot's archive and checks it as it streams by: order and names of its members, the manifest, the seal, sizes
 * and digests. Nothing is left behind when it is refused.
 * @throws DrayageError notATar, truncated, unsafePath, badSnapshot, foreignSnapshot, digestMismatch, snapshotTooLarge,
 * quotaExceeded, nameTaken, outOfDisk
 */
export async function importArchive(
  context: ApiContext,
  { tenantId, actor, trusted }: Importing,
  query: z.output<typeof importSnapshotQuerySchema>,
  body: Readable,
): Promise<SnapshotRecord> {
  const { db, config } = context;
  const id = freshId('snapshot');
  const folder = uploadFolder(config.dataDir, id);
  const reader = new ArchiveReader(context, { id, tenantId, folder, trusted });
  try {
    const { plain } = await unzipped(body);
    await readMembers(plain, MAKE_SNAPSHOT, (header, content) => {
      const { name, type = 'file', linkname, size = 0 } = header;
      const pax = header.pax as object | null | undefined;
      return reader.member({ name, type: type ?? 'file', linkname, pax }, size, content);
    });
    const { name, note, compute, spec, class: of, content, takenAt } = reader.complete();
    return await importSnapshot(
      db,
      {
        ...{ id, tenantId, actor, name: query.name ?? name, note, spec, class: of, content },
        ...{ computeId: compute.id, computeName: compute.name, takenAt: new Date(takenAt) },
        imageId: await imageOf(context, tenantId, spec.image.digest),
      },
      () => putUploadInPlace(config.dataDir, id),
    );
  } catch (error) {
    throw uploadError([error]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The tenant's image of that content; a snapshot can be imported before its image. */
async function imageOf({ db }: ApiContext, tenantId: string, digest: string): Promise<string | null> {
  return imageInScope(db, { tenantId, everywhere: false }, digest).then(
    ({ id }) => id,
    (error: unknown) => {
      if (error instanceof DrayageError) return null;
      throw error;
    },
  );
}

/** One archive on its way in. */
class ArchiveReader {
  readonly #context: ApiContext;
  readonly #into: { id: string; tenantId: string; folder: string; trusted: boolean };
  #bytes: Buffer | null = null;
  #manifest: SnapshotManifest | null = null;
  #parts = 0;

  constructor(context: ApiContext, into: { id: string; tenantId: string; folder: string; trusted: boolean }) {
    this.#context = context;
    this.#into = into;
  }

  async member(header: ArchiveMember, size: number, content: Body): Promise<void> {
    const unsafe = unsafeMember(header, 'archive');
    if (unsafe) throw new DrayageError({ ...unsafe, mend: MAKE_SNAPSHOT });
    const name = memberName(header.name);
    if (header.type !== 'file') throw badSnapshot(`It holds ${shown(name)}, which is no file.`);
    if (this.#bytes === null) await this.#takeManifest(name, size, content);
    else if (this.#manifest === null) await this.#takeSeal(name, size, content, this.#bytes);
    else await this.#takePart(name, size, content, this.#manifest);
  }

  /** @throws DrayageError badSnapshot when something is missing */
  complete(): SnapshotManifest {
    if (this.#manifest === null) throw badSnapshot('It has no manifest with its seal.');
    const missing = this.#manifest.content.parts[this.#parts];
    if (missing) throw badSnapshot(`Its part ${missing.name} is missing.`);
    return this.#manifest;
  }

  async #takeManifest(name: string, size: number, content: Body): Promise<void> {
    if (name !== Member.manifest)
      throw badSnapshot(`It begins with ${shown(name)} and not with ${Member.manifest}.`);
    if (size > MANIFEST_MAX_BYTES) throw badSnapshot('Its manifest is too large.');
    this.#bytes = await buffer(content);
  }

  async #takeSeal(name: string, size: number, content: Body, bytes: Buffer): Promise<void> {
    if (name !== Member.seal || size > SEAL_MAX_BYTES) throw badSnapshot('Its seal is missing.');
    const seal = (await buffer(content)).toString('latin1').trim();
    const manifest = readManifest(bytes);
    if (!this.#into.trusted && !isSealed(this.#context, bytes, seal)) throw foreign();
    planRestore(manifest.spec, manifest.content.parts);
    await this.#requireRoom(bytesOfParts(manifest.content.parts));
    this.#manifest = manifest;
  }

  /** Before gigabytes have come; it is claimed when they have. */
  async #requireRoom(bytes: number): Promise<void> {
    const { db, config } = this.#context;
    if (bytes > config.snapshotMaxBytes) throw snapshotTooLarge(config.snapshotMaxBytes);
    await db.transaction((tx) => claimQuota(tx, this.#into.tenantId, { imageBytes: bytes }));
  }

  async #takePart(name: string, size: number, content: Body, manifest: SnapshotManifest): Promise<void> {
    const part = manifest.content.parts[this.#parts];
    if (part === undefined || name !== `${Member.parts}${part.name}`)
      throw badSnapshot(`It holds ${shown(name)}, which its manifest does not name there.`);
    if (size !== part.bytes)
      throw badSnapshot(`Its part ${part.name} has ${String(size)} bytes, and not ${String(part.bytes)}.`);
    const { id, folder } = this.#into;
    const kept = await keepPart(this.#context, { id, part: part.name, folder }, Readable.from(content));
    if (kept.digest !== part.digest) throw damaged(part.name);
    this.#parts += 1;
  }
}

const shown = (name: string) => JSON.stringify(name.slice(0, 200));

function damaged(part: string): DrayageError {
  return imageRefused(
    'digestMismatch',
    `The part ${part} of the snapshot is damaged: its content is not what its manifest says.`,
    'Copy the file again, or export the snapshot once more.',
  );
}

function foreign(): DrayageError {
  return new DrayageError({
    code: 'foreignSnapshot',
    message:
      'This archive was not written by this installation, or was changed since: processes in it could have any rights.',
    mend: 'Take it as it was exported here; of another installation the operator may import it, with `--trust`.',
  });
}
