import { createHmac, timingSafeEqual } from 'node:crypto';
import { badSnapshot, type SnapshotManifest, snapshotManifestSchema } from '../../core/snapshot.ts';
import type { SnapshotRecord } from '../../db/snapshots.ts';
import type { ApiContext } from '../context.ts';

/** Names of the members of a snapshot's archive, in their order; each part lies in the folder. */
export const Member = { manifest: 'manifest.json', seal: 'seal', parts: 'parts/' } as const;

/** A manifest is some hundred KB at most. */
export const MANIFEST_MAX_BYTES = 8 * 2 ** 20;

/** What is said of a snapshot in its archive. @throws DrayageError badSnapshot when it is not ready */
export function manifestOf(row: SnapshotRecord): Buffer {
  const { name, note, computeId, computeName, spec, class: of, content, takenAt } = row;
  if (content === null || takenAt === null) throw badSnapshot('It is not ready.');
  const manifest: SnapshotManifest = {
    ...{ format: 'drayage-snapshot', version: 1, name, note, takenAt: takenAt.toISOString() },
    ...{ compute: { id: computeId, name: computeName }, spec, class: of, content },
  };
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** @throws DrayageError badSnapshot */
export function readManifest(bytes: Buffer): SnapshotManifest {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw badSnapshot('Its manifest is no JSON.');
  }
  const parsed = snapshotManifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badSnapshot(`Its manifest is wrong at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? ''}.`);
}

/**
 * By which this installation knows again what it wrote: a changed snapshot could hold processes with rights that no compute
 * has, and CRIU, which restores them, is root.
 */
export function sealOf({ authority }: Pick<ApiContext, 'authority'>, manifest: Buffer): string {
  const key = authority.secretFor('snapshot archives');
  return createHmac('sha256', key).update(manifest).digest('hex');
}

export function isSealed(context: Pick<ApiContext, 'authority'>, manifest: Buffer, seal: string): boolean {
  const [right, given] = [Buffer.from(sealOf(context, manifest)), Buffer.from(seal)];
  return right.length === given.length && timingSafeEqual(right, given);
}
