import { z } from 'zod';

const MOST_ARGUMENTS = 64;

/** A command that is run inside a compute from time to time; exit code 0 says that it is well. */
export const healthCheckSchema = z
  .object({
    /** The program and its arguments; no shell reads them. */
    command: z.array(z.string().min(1).max(4096)).min(1).max(MOST_ARGUMENTS),
    /** Between the end of one run and the next, seconds. */
    intervalSeconds: z.number().int().min(1).max(3600).default(30),
    /** A run that takes longer is ended and counts as failed, seconds. */
    timeoutSeconds: z.number().int().min(1).max(300).default(5),
    /** So many failures in a row make it unhealthy. */
    retries: z.number().int().min(1).max(100).default(3),
    /** So long after its start failures do not count, seconds. */
    startPeriodSeconds: z.number().int().min(0).max(3600).default(0),
  })
  .meta({ id: 'HealthCheck' });
export type HealthCheck = z.infer<typeof healthCheckSchema>;

export const HealthState = { starting: 'starting', healthy: 'healthy', unhealthy: 'unhealthy' } as const;
export type HealthState = (typeof HealthState)[keyof typeof HealthState];

/** How a compute is, and one sentence that says why. */
export const healthSchema = z.object({
  state: z.enum(Object.values(HealthState) as [HealthState, ...HealthState[]]),
  reason: z.string().max(512),
});
export type Health = z.infer<typeof healthSchema>;
