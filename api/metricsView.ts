import type { MetricsView } from '../core/api/metrics.ts';
import type { Database } from '../db/database.ts';
import { metricsOf } from '../db/metrics.ts';

/** What something has used in the last so many seconds. */
export async function metricsView(db: Database, subject: string, seconds: number): Promise<MetricsView> {
  const { resolutionSeconds, items } = await metricsOf(db, subject, seconds);
  return {
    resolutionSeconds,
    items: items.map(({ at, ...sample }) => ({ at: at.toISOString(), ...sample })),
  };
}
