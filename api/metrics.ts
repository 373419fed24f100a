import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Database } from '../db/database.ts';
import { addFleetMetrics } from './fleetMetrics.ts';

export interface Metrics {
  contentType: string;
  text(): Promise<string>;
  observe(method: string, route: string, status: number, seconds: number): void;
  /** How many streams of events are open is asked of this from now on. */
  countStreams(count: () => number): void;
}

/** The figures of one API process, and of the installation as the database knows it. docs/metrics.md names each. */
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
  let streams = () => 0;
  new Gauge({
    name: 'drayage_event_streams',
    help: 'Streams of events that are open.',
    registers,
    collect() {
      this.set(streams());
    },
  });
  addFleetMetrics(registry, db);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe: (method, route, status, took) => {
      requests.inc({ method, route, status: String(status) });
      seconds.observe({ method, route }, took);
    },
    countStreams: (count) => {
      streams = count;
    },
  };
}

/** Counts what a server answers, by route. */
export function countRequests(app: Pick<FastifyInstance, 'addHook'>, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    metrics.observe(
      request.method,
      request.routeOptions.url ?? 'none',
      reply.statusCode,
      reply.elapsedTime / 1000,
    );
    done();
  });
}
