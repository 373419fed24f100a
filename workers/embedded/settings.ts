import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { withSecretFiles } from '../../api/secretFiles.ts';
import { checkTemporal, temporalSecurityEnvironment } from '../../api/temporalSettings.ts';
import { DrayageError } from '../../core/cause.ts';

const listenSchema = z.string().transform((text, context) => {
  const match = /^([^\s:]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? NaN);
  if (match === null || !(port > 0 && port < 65_536)) {
    context.addIssue({ code: 'custom', message: 'must be host:port' });
    return z.NEVER;
  }
  return { host: match[1]!, port };
});

/** The supervisor's own environment; what the API and the control worker read besides is passed on to them as it is. */
const fields = z.object({
  ...temporalSecurityEnvironment,
  /** An existing database; without it PostgreSQL is started here. */
  DATABASE_URL: z.string().min(1).optional(),
  /** An existing Temporal server, host:port; without it one is started here. */
  TEMPORAL_ADDRESS: z.string().min(1).optional(),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  DRAYAGE_DATA_DIR: z.string().startsWith('/'),
  DRAYAGE_API_LISTEN: listenSchema.prefault('127.0.0.1:7480'),
  DRAYAGE_DEVICE_LISTEN: listenSchema.prefault('0.0.0.0:7443'),
  DRAYAGE_ADVERTISE_HOST: z.string().default('127.0.0.1'),
  /** Port of the PostgreSQL that is started here, on 127.0.0.1. */
  DRAYAGE_POSTGRES_PORT: z.coerce.number().int().min(1).max(65_535).default(54_380),
  /** Where the Temporal server that is started here listens; it knows 127.0.0.1 only. */
  DRAYAGE_TEMPORAL_LISTEN: listenSchema
    .prefault('127.0.0.1:7233')
    .refine(
      ({ host }) => host === '127.0.0.1',
      'must be on 127.0.0.1; devices come through the gateway (DRAYAGE_DEVICE_TEMPORAL_LISTEN)',
    ),
  /** Where the gateway listens, through which devices reach Temporal. */
  DRAYAGE_DEVICE_TEMPORAL_LISTEN: listenSchema.prefault('0.0.0.0:7234'),
  DRAYAGE_TEMPORAL_UI_LISTEN: listenSchema.prefault('127.0.0.1:8233'),
  /** Where `scripts/run.sh` keeps what it built. */
  DRAYAGE_CACHE: z.string().optional(),
});
const environmentSchema = fields.superRefine(checkTemporal);

export type Settings = z.infer<typeof environmentSchema>;

/** Reads the environment. Throws a DrayageError `environment` that names every variable that is wrong. */
export function readSettings(environment: NodeJS.ProcessEnv, uid: number): Settings {
  const parsed = environmentSchema.safeParse({
    DRAYAGE_DATA_DIR: defaultDataDir(environment, uid),
    ...withSecretFiles(environment),
  });
  if (parsed.success) return parsed.data;
  throw new DrayageError({
    code: 'environment',
    message: `The environment is not right: ${parsed.error.issues.map((one) => `${one.path.join('.')} ${one.message}`).join('; ')}.`,
    mend: 'Set these variables, or leave them out for the defaults.',
  });
}

function defaultDataDir(environment: NodeJS.ProcessEnv, uid: number): string {
  if (uid === 0) return '/var/lib/drayage-control';
  return join(environment['XDG_DATA_HOME'] ?? join(homedir(), '.local/share'), 'drayage');
}
