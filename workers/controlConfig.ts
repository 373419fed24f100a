import { z } from 'zod';
import { listenSchema, poolSchema } from '../api/config.ts';
import { readEnvironment } from '../api/readEnvironment.ts';
import {
  checkTemporal,
  temporalEnvironment,
  temporalSettings,
  type TemporalSettings,
} from '../api/temporalSettings.ts';

const schema = z
  .object({
    DATABASE_URL: z.string().min(1),
    /** Connections that this process keeps to the database at most. */
    DATABASE_POOL: poolSchema.default(8),
    ...temporalEnvironment,
    /** Where /readyz is answered; without it nowhere. */
    DRAYAGE_CONTROL_LISTEN: listenSchema.optional(),
    /** Where the Temporal SDK's own figures are, for Prometheus; without it nowhere. */
    DRAYAGE_CONTROL_METRICS_LISTEN: listenSchema.optional(),
    /** The workflows in one file (deploy/bundleWorkflows.ts); without it they are bundled at the start. */
    DRAYAGE_WORKFLOW_BUNDLE: z.string().startsWith('/').optional(),
    DRAYAGE_LOG_LEVEL: z.string().default('info'),
  })
  .superRefine(checkTemporal);

export interface ControlConfig {
  databaseUrl: string;
  databasePool: number;
  temporal: TemporalSettings;
  listen: { host: string; port: number } | null;
  metricsListen: { host: string; port: number } | null;
  workflowBundle: string | null;
  logLevel: string;
}

/** Reads the control worker's environment. @throws DrayageError environment, naming every variable that is wrong */
export function readControlConfig(environment: NodeJS.ProcessEnv): ControlConfig {
  const mend = 'Set these variables; docs/deployment.md says what they mean.';
  const env = readEnvironment(schema, environment, mend);
  return {
    databaseUrl: env.DATABASE_URL,
    databasePool: env.DATABASE_POOL,
    temporal: temporalSettings(env),
    listen: env.DRAYAGE_CONTROL_LISTEN ?? null,
    metricsListen: env.DRAYAGE_CONTROL_METRICS_LISTEN ?? null,
    workflowBundle: env.DRAYAGE_WORKFLOW_BUNDLE ?? null,
    logLevel: env.DRAYAGE_LOG_LEVEL,
  };
}
