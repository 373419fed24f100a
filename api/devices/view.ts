import type { DeviceView } from '../../core/api/devices.ts';
import { clockCauses } from '../../core/clockCauses.ts';
import { keyFingerprint } from '../../core/keyFingerprint.ts';
import type { Sample } from '../../core/metrics.ts';
import type { Database } from '../../db/database.ts';
import { type DeviceRow, deviceState } from '../../db/devices.ts';
import { newestSamples } from '../../db/metrics.ts';

/** What was told longer ago is not what is used now. */
const LOAD_SECONDS = 60;

/** Devices as the API shows them, with what they use now. */
export async function deviceViews(db: Database, rows: readonly DeviceRow[]): Promise<DeviceView[]> {
  const samples = await newestSamples(
    db,
    rows.map(({ id }) => id),
    LOAD_SECONDS,
  );
  return rows.map((row) => deviceView(row, samples.get(row.id) ?? null));
}

function deviceView(row: DeviceRow, load: Sample | null): DeviceView {
  return {
    id: row.id,
    name: row.name,
    state: deviceState(row),
    location: row.location,
    labels: row.labels,
    inventory: row.inventory,
    load,
    keyFingerprint: keyFingerprint(row.publicKeyHash),
    class: row.classId,
    causes: clockCauses(row.name, row.clockOffsetMs),
    clockOffsetMs: row.clockOffsetMs,
    lastHeartbeatAt: row.lastHeartbeatAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
  };
}
