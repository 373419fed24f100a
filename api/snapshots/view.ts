import type { SnapshotView } from '../../core/api/snapshots.ts';
import type { SnapshotRecord } from '../../db/snapshots.ts';

export function snapshotView(row: SnapshotRecord): SnapshotView {
  const { content, deviceId } = row;
  return {
    id: row.id,
    name: row.name,
    note: row.note,
    compute: { id: row.computeId, name: row.computeName },
    device: deviceId === null ? null : { id: deviceId, name: row.deviceName ?? '' },
    image: { digest: row.spec.image.digest, id: row.imageId, name: row.imageName },
    state: row.state,
    reason: row.reason,
    causes: row.causes,
    bytes: row.bytes,
    memoryBytes: content?.memoryBytes ?? null,
    frozenMs: content?.frozenMs ?? null,
    takenAt: row.takenAt?.toISOString() ?? null,
    imported: row.imported,
    workflowId: row.workflowId,
    createdAt: row.createdAt.toISOString(),
  };
}
