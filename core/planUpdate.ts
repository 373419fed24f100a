import type { UpdateComputeRequest } from './api/computes.ts';
import type { ComputeSpec } from './compute.ts';
import type { Demand } from './quota.ts';

export interface UpdatePlan {
  action: 'apply' | 'nothing';
  /** One sentence: what is changed. */
  reason: string;
  /** The compute as it is to be. */
  spec: ComputeSpec;
  /** What it takes of the tenant's quota beyond what it has. */
  demand: Demand;
}

const NAMES: Record<keyof UpdateComputeRequest, string> = {
  memoryBytes: 'memory',
  cpus: 'CPUs',
  pids: 'processes',
  labels: 'labels',
  restartPolicy: 'restart policy',
  healthCheck: 'health check',
};

/** What a compute becomes by a change that was asked for. */
export function planUpdate(before: ComputeSpec, change: UpdateComputeRequest): UpdatePlan {
  const { healthCheck: _, ...kept } = before;
  const { labels, healthCheck = before.healthCheck, ...rest } = change;
  const spec: ComputeSpec = {
    ...kept,
    ...defined(rest),
    labels: mergedLabels(before.labels, labels),
    ...(healthCheck ? { healthCheck } : {}),
  };
  const changed = (Object.keys(NAMES) as (keyof UpdateComputeRequest)[]).filter(
    (key) => JSON.stringify(spec[key]) !== JSON.stringify(before[key]),
  );
  const demand: Demand = {
    ...more('memoryBytes', before.memoryBytes, spec.memoryBytes),
    ...more('cpus', before.cpus, spec.cpus),
  };
  if (changed.length === 0)
    return { action: 'nothing', reason: 'It is so already.', spec: before, demand: {} };
  const reason = `Changed: ${changed.map((key) => NAMES[key]).join(', ')}.`;
  return { action: 'apply', reason, spec, demand };
}

function mergedLabels(
  before: Record<string, string>,
  change: Record<string, string | null> = {},
): Record<string, string> {
  const merged = { ...before, ...change };
  return Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

/** A limit that is lowered is given back even where the tenant has more than its quota by now. */
function more(key: 'memoryBytes' | 'cpus', before = 0, after = 0): Demand {
  return after > before ? { [key]: after - before } : {};
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
