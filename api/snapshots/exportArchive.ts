import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { badSnapshot } from '../../core/snapshot.ts';
import type { SnapshotRecord } from '../../db/snapshots.ts';
import type { ApiContext } from '../context.ts';
import { manifestOf, Member, sealOf } from './manifest.ts';
import { openPart } from './store.ts';

type Context = Pick<ApiContext, 'config' | 'authority'>;

const FIXED = { mode: 0o600, uid: 0, gid: 0 };

/**
 * A snapshot as a tar: its manifest, the seal of this installation, its parts. It streams; what is damaged ends it, cut off.
 * @throws DrayageError archiveGone, badSnapshot
 */
export async function exportArchive(context: Context, row: SnapshotRecord): Promise<Readable> {
  const manifest = manifestOf(row);
  const parts = row.content?.parts ?? [];
  const [first] = parts;
  if (!first) throw badSnapshot('It has no parts.');
  // What is gone is said before the answer begins.
  (await openPart(context, row.id, first.name)).destroy();
  const archive = pack();
  const fill = async () => {
    const fixed = { ...FIXED, mtime: row.takenAt ?? new Date(0) };
    await whole(archive, { ...fixed, name: Member.manifest }, manifest);
    await whole(archive, { ...fixed, name: Member.seal }, Buffer.from(`${sealOf(context, manifest)}\n`));
    for (const { name, bytes } of parts) {
      const entry = archive.entry({ ...fixed, name: `${Member.parts}${name}`, size: bytes });
      await pipeline(await openPart(context, row.id, name), entry);
    }
    archive.finalize();
  };
  fill().catch((error: unknown) => archive.destroy(error as Error));
  return archive as unknown as Readable;
}

function whole(archive: Pack, header: Parameters<Pack['entry']>[0], content: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry({ ...header, size: content.length }, content, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}
