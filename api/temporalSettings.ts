import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** An empty variable, as Compose and systemd make them of what nobody set, is none. */
const optionalText = z
  .string()
  .optional()
  .transform((text) => (text === '' ? undefined : text));

/** A PEM file that is read at the start; the variable holds its path. */
const pemFile = optionalText.transform((path, context) => {
  if (path === undefined) return undefined;
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  try {
    const text = readFileSync(path, 'utf8');
    return text.includes('-----BEGIN ') ? text : refuse(`names ${path}, which holds no PEM`);
  } catch (error) {
    return refuse(`names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
});

/** How Temporal is spoken to, beside its address. Names and meaning are those of Temporal's own CLI and SDKs. */
export const temporalSecurityEnvironment = {
  TEMPORAL_TLS: optionalText.pipe(z.stringbool().optional()),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: pemFile,
  TEMPORAL_TLS_SERVER_NAME: optionalText,
  TEMPORAL_TLS_CLIENT_CERT_PATH: pemFile,
  TEMPORAL_TLS_CLIENT_KEY_PATH: pemFile,
  TEMPORAL_API_KEY: optionalText,
};
type SecurityEnvironment = z.infer<z.ZodObject<typeof temporalSecurityEnvironment>>;

/** The same with the address, for the control plane's processes. */
export const temporalEnvironment = {
  TEMPORAL_ADDRESS: z.string().min(1),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  ...temporalSecurityEnvironment,
};

/** What TLS needs, PEM; absent members are the system's defaults. */
export interface TemporalTls {
  serverCa?: string | undefined;
  serverName?: string | undefined;
  client?: { certificate: string; key: string } | undefined;
}

export interface TemporalSecurity {
  tls: TemporalTls | null;
  apiKey: string | null;
}

export interface TemporalSettings extends TemporalSecurity {
  address: string;
  namespace: string;
}

/** Settings that contradict each other; for `superRefine` of the schema that holds `temporalSecurityEnvironment`. */
export function checkTemporal(env: SecurityEnvironment, context: z.RefinementCtx): void {
  const refuse = (name: string, message: string) => {
    context.addIssue({ code: 'custom', path: [name], message });
  };
  const { TEMPORAL_TLS_CLIENT_CERT_PATH: certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: key } = env;
  if (certificate !== undefined && key === undefined)
    refuse('TEMPORAL_TLS_CLIENT_KEY_PATH', 'is missing beside TEMPORAL_TLS_CLIENT_CERT_PATH');
  if (key !== undefined && certificate === undefined)
    refuse('TEMPORAL_TLS_CLIENT_CERT_PATH', 'is missing beside TEMPORAL_TLS_CLIENT_KEY_PATH');
  if (env.TEMPORAL_TLS !== false) return;
  if (namesTls(env)) refuse('TEMPORAL_TLS', 'is false, and other variables say how TLS is to be done');
  if (env.TEMPORAL_API_KEY !== undefined)
    refuse('TEMPORAL_TLS', 'is false, and an API key must not travel in clear');
}

function namesTls(env: SecurityEnvironment): boolean {
  const { TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME, TEMPORAL_TLS_CLIENT_CERT_PATH } = env;
  const named = [TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME, TEMPORAL_TLS_CLIENT_CERT_PATH];
  return named.some((value) => value !== undefined);
}

/** TLS is on when it is asked for, when anything about it is said, and with an API key. */
export function temporalSecurity(env: SecurityEnvironment): TemporalSecurity {
  const apiKey = env.TEMPORAL_API_KEY ?? null;
  if (env.TEMPORAL_TLS !== true && !namesTls(env) && apiKey === null) return { tls: null, apiKey };
  const { TEMPORAL_TLS_CLIENT_CERT_PATH: certificate, TEMPORAL_TLS_CLIENT_KEY_PATH: key } = env;
  return {
    apiKey,
    tls: {
      serverCa: env.TEMPORAL_TLS_SERVER_CA_CERT_PATH,
      serverName: env.TEMPORAL_TLS_SERVER_NAME,
      ...(certificate !== undefined && key !== undefined ? { client: { certificate, key } } : {}),
    },
  };
}

/** The whole of it, from an environment that the schema has checked. */
export function temporalSettings(env: z.infer<z.ZodObject<typeof temporalEnvironment>>): TemporalSettings {
  return { address: env.TEMPORAL_ADDRESS, namespace: env.TEMPORAL_NAMESPACE, ...temporalSecurity(env) };
}

/** What `Connection` and `NativeConnection` of the SDK take; without TLS and key exactly `{ address }`. */
export function connectionOptions({ address, tls, apiKey }: { address: string } & TemporalSecurity) {
  return {
    address,
    ...(apiKey === null ? {} : { apiKey }),
    ...(tls === null
      ? {}
      : {
          tls: {
            ...(tls.serverCa === undefined ? {} : { serverRootCACertificate: Buffer.from(tls.serverCa) }),
            ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
            ...(tls.client === undefined
              ? {}
              : {
                  clientCertPair: {
                    crt: Buffer.from(tls.client.certificate),
                    key: Buffer.from(tls.client.key),
                  },
                }),
          },
        }),
  };
}
