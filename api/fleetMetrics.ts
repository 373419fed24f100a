import { Counter, Gauge, type Metric, type Registry } from 'prom-client';
import { countStates } from '../db/counts.ts';
import type { Database } from '../db/database.ts';
import { newestEvent } from '../db/events.ts';
import { clientGaps, countMoves, type Distribution, frozenTimes } from '../db/moveFigures.ts';
import { countWebhooks, longestFailing } from '../db/webhooks.ts';

/** Seconds: about even steps from what is hardly noticed to what breaks a connection. */
const BOUNDS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30];

/**
 * Figures of the installation. They are read from the database when they are asked for, so each API process gives the same,
 * and a restart loses none.
 */
export function addFleetMetrics(registry: Registry, db: Database): void {
  const registers = [registry];
  for (const name of ['devices', 'computes', 'migrations'] as const) {
    new Gauge({
      name: `drayage_${name}`,
      help: `How many ${name} are in a state.`,
      labelNames: ['state'] as const,
      registers,
      async collect() {
        const states = await countStates[name](db);
        this.reset();
        for (const { state, count } of states) this.set({ state }, count);
      },
    });
  }
  new Counter({
    name: 'drayage_moves_total',
    help: 'Moves that have ended, by how.',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      const ends = await countMoves(db);
      this.reset();
      for (const { state, count } of ends) this.inc({ state }, count);
    },
  });
  addHistogram(registry, 'drayage_move_frozen_seconds', 'How long computes were frozen.', () =>
    frozenTimes(db, BOUNDS),
  );
  addHistogram(registry, 'drayage_move_gap_seconds', 'The gap that clients saw, as the record has it.', () =>
    clientGaps(db, BOUNDS),
  );
  new Gauge({
    name: 'drayage_event_newest',
    help: 'Id of the newest event.',
    registers,
    async collect() {
      this.set(await newestEvent(db));
    },
  });
  addWebhookMetrics(registry, db);
}

function addWebhookMetrics(registry: Registry, db: Database): void {
  const registers = [registry];
  new Gauge({
    name: 'drayage_webhooks',
    help: 'How many webhooks take events, fail and are tried again, or were ended.',
    labelNames: ['state'] as const,
    registers,
    async collect() {
      for (const [state, count] of Object.entries(await countWebhooks(db))) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'drayage_webhook_longest_failing_seconds',
    help: 'For how long the webhook that fails longest has failed.',
    registers,
    async collect() {
      this.set(await longestFailing(db));
    },
  });
}

/** prom-client's own histogram counts in this process; this one is counted by the database. */
function addHistogram(
  registry: Registry,
  name: string,
  help: string,
  read: () => Promise<Distribution>,
): void {
  const metric = {
    ...{ name, help, type: 'histogram', aggregator: 'sum' },
    reset: () => undefined,
    get: async () => {
      const { atMost, count, sum } = await read();
      const buckets = [...BOUNDS.entries()].map(([at, le]) => ({ le: String(le), value: atMost[at] ?? 0 }));
      return {
        ...{ name, help, type: 'histogram', aggregator: 'sum' },
        values: [
          ...[...buckets, { le: '+Inf', value: count }].map(({ le, value }) => ({
            ...{ metricName: `${name}_bucket`, labels: { le }, value },
          })),
          { metricName: `${name}_sum`, labels: {}, value: sum },
          { metricName: `${name}_count`, labels: {}, value: count },
        ],
      };
    },
  };
  // Its type has the library's own classes only; what it asks of them is this.
  registry.registerMetric(metric as unknown as Metric);
}
