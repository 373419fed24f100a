import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { countStates } from '../db/counts.ts';
import type { Database } from '../db/database.ts';

export interface Metrics {
  contentType: string;
  text(): Promise<string>;
  observe(method: string, route: string, status: number, seconds: number): void;
}

/** The figures of one API process, and of the fleet as the database knows it. */
export function createMetrics(db: Database): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'drayage_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'drayage_http_request_seconds',
    help: 'Time to answer.',
    labelNames: ['method', 'route'] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const gauge = (name: 'devices' | 'computes' | 'migrations') =>
    new Gauge({
      name: `drayage_${name}`,
      help: `How many ${name} are in a state.`,
      labelNames: ['state'] as const,
      registers,
    });
  const fleet = { devices: gauge('devices'), computes: gauge('computes'), migrations: gauge('migrations') };
  return {
    contentType: registry.contentType,
    text: async () => {
      const counts = await countStates(db);
      for (const [name, states] of Object.entries(counts)) {
        const one = fleet[name as keyof typeof fleet];
        one.reset();
        for (const { state, count } of states) one.set({ state }, count);
      }
      return registry.metrics();
    },
    observe: (method, route, status, took) => {
      requests.inc({ method, route, status: String(status) });
      seconds.observe({ method, route }, took);
    },
  };
}
