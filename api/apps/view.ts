import type { AppView } from '../../core/api/apps.ts';
import type { AppRecord } from '../../db/apps.ts';

export function appView(row: AppRecord): AppView {
  const { imageId, computeId } = row;
  return {
    id: row.id,
    name: row.name,
    runtime: row.runtime,
    state: row.state,
    reason: row.reason,
    causes: row.causes,
    start: row.manifest.start,
    ports: row.manifest.ports,
    device: { id: row.deviceId, name: row.deviceName },
    image: imageId === null ? null : { id: imageId, name: row.imageName ?? '' },
    compute: computeId === null ? null : { id: computeId, name: row.computeName ?? '' },
    bytes: row.bytes,
    workflowId: row.id,
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}
