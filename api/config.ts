import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PLACEMENT_STRATEGIES, type PlacementStrategy } from '../core/choosePlacement.ts';
import { DEFAULT_CAPS } from '../core/evacuation.ts';
import { type AddressRange, parseAddressRange } from '../core/ipv4.ts';
import { readEnvironment } from './readEnvironment.ts';
import {
  checkTemporal,
  temporalEnvironment,
  temporalSettings,
  type TemporalSettings,
} from './temporalSettings.ts';

/** `address:port`; an IPv6 address in brackets. */
export const listenSchema = z.string().transform((text, context) => {
  const match = /^(?<host>[^\s]+):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port'] ?? NaN);
  if (!match || port > 65_535) {
    context.addIssue({ code: 'custom', message: 'must be address:port' });
    return z.NEVER;
  }
  return { host: (match.groups?.['host'] ?? '').replace(/^\[|\]$/g, ''), port };
});

/** Connections of one process; PostgreSQL allows 100 in all unless it is told otherwise. */
export const poolSchema = z.coerce.number().int().min(2).max(500);

/** Largest image that may be stored, bytes. */
export const imageMaxBytesSchema = z.coerce
  .number()
  .int()
  .positive()
  .default(16 * 2 ** 30);

/** Whether computes are spread over the devices, or fill one after the other; of API and control worker alike. */
export const placementSchema = z.enum(PLACEMENT_STRATEGIES).default('spread');

/** Where `npm run build:web` writes the dashboard of this checkout. */
const BUILT_DASHBOARD = fileURLToPath(new URL('../web/dist', import.meta.url));

/** The API process's environment. */
const fields = z.object({
  DATABASE_URL: z.string().min(1),
  /** Connections that this process keeps to the database at most. */
  DATABASE_POOL: poolSchema.default(10),
  ...temporalEnvironment,
  DRAYAGE_DATA_DIR: z.string().startsWith('/'),
  DRAYAGE_API_LISTEN: listenSchema.prefault('127.0.0.1:7480'),
  DRAYAGE_DEVICE_LISTEN: listenSchema.prefault('0.0.0.0:7443'),
  DRAYAGE_ADVERTISE_HOST: z.string().default('127.0.0.1'),
  /** Whether the control plane announces itself on the local network, so that devices find it. */
  DRAYAGE_MDNS: z.enum(['on', 'off']).default('on'),
  /** Where the gateway listens, through which devices reach Temporal. */
  DRAYAGE_DEVICE_TEMPORAL_LISTEN: listenSchema.prefault('0.0.0.0:7234'),
  /** What devices are told of it; without it the advertised host and the port above. */
  DRAYAGE_DEVICE_TEMPORAL_ADDRESS: z.string().optional(),
  /** For how long a device's certificate is valid; the device renews it when less than a third of that is left. */
  DRAYAGE_DEVICE_CERTIFICATE_SECONDS: z.coerce
    .number()
    .int()
    .min(10)
    .max(3650 * 86_400)
    .default(365 * 86_400),
  DRAYAGE_COMPUTE_SUBNET: z.string().default('10.77.0.0/16'),
  DRAYAGE_COMPUTE_RANGE: z.string().default('10.77.1.0-10.77.250.255'),
  /** The computes' gateway; without it they have none. */
  DRAYAGE_COMPUTE_GATEWAY: z.ipv4().optional(),
  DRAYAGE_PLACEMENT: placementSchema,
  /** More moves than these wait until others have ended; evacuations have caps of their own. */
  DRAYAGE_MOVES_AT_ONCE: z.coerce.number().int().min(1).max(10_000).default(DEFAULT_CAPS.overall),
  DRAYAGE_ADMIN_EMAIL: z
    .email()
    .default('admin@drayage.local')
    .transform((email) => email.toLowerCase()),
  DRAYAGE_ADMIN_PASSWORD: z.string().min(8).optional(),
  /** Who may make an account: everybody, who was invited to a tenant, or nobody. */
  DRAYAGE_REGISTRATION: z.enum(['open', 'invitation', 'closed']).default('open'),
  DRAYAGE_IMAGE_MAX_BYTES: imageMaxBytesSchema,
  /** Largest snapshot of a compute that may be kept, bytes. */
  DRAYAGE_SNAPSHOT_MAX_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(64 * 2 ** 30),
  /** Where operators find Temporal's own UI with their browsers; without it nothing leads there. */
  DRAYAGE_TEMPORAL_UI_URL: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  /** Where webhooks may lead: to public addresses over https, or anywhere, also into the control plane's own network. */
  DRAYAGE_WEBHOOK_TARGETS: z.enum(['public', 'any']).default('public'),
  /** Largest application that may be uploaded, bytes of all its files. */
  DRAYAGE_APP_MAX_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(2 ** 30),
  /** The built dashboard. */
  DRAYAGE_DASHBOARD_DIR: z.string().startsWith('/').default(BUILT_DASHBOARD),
  DRAYAGE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});
const environmentSchema = fields.superRefine(checkTemporal);

export interface ApiConfig {
  databaseUrl: string;
  databasePool: number;
  temporal: TemporalSettings;
  /** What devices are told: where the gateway is. */
  deviceTemporal: { address: string; namespace: string };
  dataDir: string;
  listen: { host: string; port: number };
  deviceListen: { host: string; port: number };
  gatewayListen: { host: string; port: number };
  advertiseHost: string;
  mdns: boolean;
  deviceCertificateSeconds: number;
  addresses: AddressRange;
  placement: PlacementStrategy;
  movesAtOnce: number;
  admin: { email: string; password?: string | undefined };
  registration: 'open' | 'invitation' | 'closed';
  imageMaxBytes: number;
  snapshotMaxBytes: number;
  /** Of the namespace's workflows in Temporal's own UI. */
  temporalUi: string | null;
  webhookTargets: 'public' | 'any';
  appMaxBytes: number;
  dashboardDir: string;
  logLevel: string;
}

/** Reads the environment. @throws DrayageError environment, naming every variable that is wrong */
export function readConfig(environment: NodeJS.ProcessEnv): ApiConfig {
  const env = readEnvironment(
    environmentSchema,
    environment,
    'Set these variables, or start the control plane with `npm run lab -- up`, which does.',
  );
  const temporal = temporalSettings(env);
  return {
    databaseUrl: env.DATABASE_URL,
    databasePool: env.DATABASE_POOL,
    temporal,
    deviceTemporal: {
      address:
        env.DRAYAGE_DEVICE_TEMPORAL_ADDRESS ??
        `${env.DRAYAGE_ADVERTISE_HOST}:${String(env.DRAYAGE_DEVICE_TEMPORAL_LISTEN.port)}`,
      namespace: env.TEMPORAL_NAMESPACE,
    },
    dataDir: env.DRAYAGE_DATA_DIR,
    listen: env.DRAYAGE_API_LISTEN,
    deviceListen: env.DRAYAGE_DEVICE_LISTEN,
    gatewayListen: env.DRAYAGE_DEVICE_TEMPORAL_LISTEN,
    advertiseHost: env.DRAYAGE_ADVERTISE_HOST,
    mdns: env.DRAYAGE_MDNS === 'on',
    deviceCertificateSeconds: env.DRAYAGE_DEVICE_CERTIFICATE_SECONDS,
    addresses: parseAddressRange(
      env.DRAYAGE_COMPUTE_SUBNET,
      env.DRAYAGE_COMPUTE_RANGE,
      env.DRAYAGE_COMPUTE_GATEWAY,
    ),
    placement: env.DRAYAGE_PLACEMENT,
    movesAtOnce: env.DRAYAGE_MOVES_AT_ONCE,
    admin: { email: env.DRAYAGE_ADMIN_EMAIL, password: env.DRAYAGE_ADMIN_PASSWORD },
    registration: env.DRAYAGE_REGISTRATION,
    imageMaxBytes: env.DRAYAGE_IMAGE_MAX_BYTES,
    snapshotMaxBytes: env.DRAYAGE_SNAPSHOT_MAX_BYTES,
    temporalUi:
      env.DRAYAGE_TEMPORAL_UI_URL === undefined
        ? null
        : `${env.DRAYAGE_TEMPORAL_UI_URL}/namespaces/${encodeURIComponent(env.TEMPORAL_NAMESPACE)}/workflows`,
    webhookTargets: env.DRAYAGE_WEBHOOK_TARGETS,
    appMaxBytes: env.DRAYAGE_APP_MAX_BYTES,
    dashboardDir: env.DRAYAGE_DASHBOARD_DIR,
    logLevel: env.DRAYAGE_LOG_LEVEL,
  };
}
