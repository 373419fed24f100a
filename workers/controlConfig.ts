import { z } from 'zod';
import { imageMaxBytesSchema, listenSchema, placementSchema, poolSchema } from '../api/config.ts';
import type { PlacementStrategy } from '../core/choosePlacement.ts';
import { registriesSchema, type RegistryPolicy } from '../api/registries/policy.ts';
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
    /** The data directory of the API, for images from registries; without it none are pulled. */
    DRAYAGE_DATA_DIR: z.string().startsWith('/').optional(),
    DRAYAGE_IMAGE_MAX_BYTES: imageMaxBytesSchema,
    DRAYAGE_PLACEMENT: placementSchema,
    /** Registries that tenants may use although they are at addresses of this network, or (`http://`) without TLS. */
    DRAYAGE_REGISTRIES: registriesSchema.prefault(''),
    /** Where /readyz is answered; without it nowhere. */
    DRAYAGE_CONTROL_LISTEN: listenSchema.optional(),
    /** Where the Temporal SDK's own figures are, for Prometheus; without it nowhere. */
    DRAYAGE_CONTROL_METRICS_LISTEN: listenSchema.optional(),
    /** The workflows in one file (deploy/bundleWorkflows.ts); without it they are bundled at the start. */
    DRAYAGE_WORKFLOW_BUNDLE: z.string().startsWith('/').optional(),
    /** Where a bundle that is made at the start is kept for the next one; without it nowhere. */
    DRAYAGE_CACHE: z.string().startsWith('/').optional(),
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
  cache: string | null;
  dataDir: string | null;
  imageMaxBytes: number;
  placement: PlacementStrategy;
  registries: RegistryPolicy;
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
    cache: env.DRAYAGE_CACHE ?? null,
    dataDir: env.DRAYAGE_DATA_DIR ?? null,
    placement: env.DRAYAGE_PLACEMENT,
    imageMaxBytes: env.DRAYAGE_IMAGE_MAX_BYTES,
    registries: env.DRAYAGE_REGISTRIES,
    logLevel: env.DRAYAGE_LOG_LEVEL,
  };
}
