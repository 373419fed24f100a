import { z } from 'zod';
import type { Cause } from './cause.ts';

const limit = <T extends z.ZodType>(schema: T) => schema.nullable();

/** The most that a tenant may have; null: without end. */
export const quotaSchema = z.object({
  computes: limit(z.number().int().min(0).max(1_000_000)),
  /** Sum over the computes' own limits, bytes. */
  memoryBytes: limit(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)),
  /** Sum over the computes' own limits, CPUs. */
  cpus: limit(z.number().min(0).max(1_000_000)),
  /** Sum over the tenant's images and snapshots, bytes. */
  imageBytes: limit(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)),
});
export type Quota = z.infer<typeof quotaSchema>;

export const NO_QUOTA: Quota = { computes: null, memoryBytes: null, cpus: null, imageBytes: null };

/** What a tenant has, in the quota's units. */
export type Usage = Record<keyof Quota, number>;

/** What would be added; undefined for a limit that the compute does not have. */
export type Demand = { [K in keyof Quota]?: number | undefined };

export type QuotaDecision =
  { action: 'allow'; reason: string } | { action: 'refuse'; causes: [Cause, ...Cause[]] };

const WORDS: Record<keyof Quota, { what: string; flag: string; show: (value: number) => string }> = {
  computes: { what: 'computes', flag: '', show: String },
  memoryBytes: { what: 'memory', flag: '--memory', show: mebibytes },
  cpus: { what: 'CPUs', flag: '--cpus', show: String },
  imageBytes: { what: 'images and snapshots', flag: '', show: mebibytes },
};

/** Whether a tenant may have this besides what it has. A compute without a limit of its own would take all there is. */
export function decideQuota(quota: Quota, used: Usage, demand: Demand): QuotaDecision {
  const causes = (Object.keys(demand) as (keyof Quota)[]).flatMap((key) => {
    const most = quota[key];
    if (most === null) return [];
    const more = demand[key];
    if (more === undefined) return [needsLimit(key)];
    return used[key] + more <= most ? [] : [exceeded(key, most, used[key], more)];
  });
  const [first, ...rest] = causes;
  return first === undefined
    ? { action: 'allow', reason: 'The tenant has room for it.' }
    : { action: 'refuse', causes: [first, ...rest] };
}

function needsLimit(key: keyof Quota): Cause {
  const { what, flag } = WORDS[key];
  return {
    code: 'quotaNeedsLimit',
    message: `The tenant's ${what} are limited, and the compute has no limit of its own.`,
    mend: `Give it one with \`${flag}\`.`,
  };
}

function exceeded(key: keyof Quota, most: number, used: number, more: number): Cause {
  const { what, show } = WORDS[key];
  return {
    code: 'quotaExceeded',
    message: `The tenant may have ${show(most)} of ${what}; it has ${show(used)}, and this needs ${show(more)} more.`,
    mend: 'Delete what is not needed any more, or ask the operator for a larger quota.',
  };
}

function mebibytes(bytes: number): string {
  return `${String(Math.ceil(bytes / 2 ** 20))} MiB`;
}
