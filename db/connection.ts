import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import postgres from 'postgres';
import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';

/** libpq's words. `allow` and `prefer` encrypt where they can and check nothing, as `require` does without an authority. */
const parametersSchema = z.object({
  sslmode: z.enum(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']).optional(),
  /** A PEM file, or `system` for what Node trusts. */
  sslrootcert: z.string().min(1).optional(),
  sslcert: z.string().min(1).optional(),
  sslkey: z.string().min(1).optional(),
});
type Parameters = z.infer<typeof parametersSchema>;
const NAMES = Object.keys(parametersSchema.shape);

/** What of `postgres`'s options TLS is: false, a mode that it knows itself, or Node's options. */
type Ssl = boolean | 'allow' | 'prefer' | 'require' | ConnectionOptions;

/**
 * Opens `postgres` on a DATABASE_URL. The package itself knows `sslmode` only and would send the server what else libpq
 * knows of TLS, so these parameters are taken out of the URL and read here.
 * @throws DrayageError badDatabaseUrl: a parameter of TLS is wrong, or a file it names cannot be read
 */
export function openClient(
  databaseUrl: string,
  options: Pick<postgres.Options<Record<string, never>>, 'max' | 'backoff' | 'connection'>,
): postgres.Sql {
  const { url, ssl } = readDatabaseUrl(databaseUrl);
  return postgres(url, {
    ...options,
    connect_timeout: 5,
    onnotice: () => undefined,
    ...(ssl === undefined ? {} : { ssl }),
  });
}

/** The URL without TLS's parameters, and what these say; undefined when they say nothing. @throws DrayageError badDatabaseUrl */
export function readDatabaseUrl(databaseUrl: string): { url: string; ssl: Ssl | undefined } {
  // Not `new URL`: several hosts with ports are no URL of the standard's.
  const at = databaseUrl.indexOf('?');
  const query = new URLSearchParams(at < 0 ? '' : databaseUrl.slice(at + 1));
  const given = NAMES.flatMap((name) => (query.has(name) ? [[name, query.get(name)]] : []));
  const parsed = parametersSchema.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw refused(`has a wrong parameter: ${wrong}`);
  }
  for (const name of NAMES) query.delete(name);
  const rest = query.toString();
  const url = `${at < 0 ? databaseUrl : databaseUrl.slice(0, at)}${rest === '' ? '' : `?${rest}`}`;
  return { url, ssl: sslOf(parsed.data, hostsOf(url)) };
}

function hostsOf(url: string): string[] {
  const place = (url.split('://')[1] ?? '').split(/[/?]/)[0] ?? '';
  return place
    .slice(place.lastIndexOf('@') + 1)
    .split(',')
    .map((host) => host.replace(/:\d*$/, '').replace(/^\[|\]$/g, ''));
}

/** What holds a certificate against the server's name; the package leaves an address to be taken for `localhost`. */
function nameCheck(hosts: string[]): Pick<ConnectionOptions, 'checkServerIdentity'> {
  const [only = '', ...others] = hosts;
  if (!hosts.some((host) => isIP(host) > 0)) return {};
  if (others.length > 0) throw refused('wants the names of several hosts checked, and gives addresses');
  return { checkServerIdentity: (_name, certificate) => checkServerIdentity(only, certificate) };
}

function sslOf({ sslmode, sslrootcert, sslcert, sslkey }: Parameters, hosts: string[]): Ssl | undefined {
  if (sslmode === 'disable') return false;
  if ((sslcert === undefined) !== (sslkey === undefined))
    throw refused('names one of sslcert and sslkey; a client certificate needs both');
  const client = {
    ...(sslcert === undefined ? {} : { cert: readPem('sslcert', sslcert) }),
    ...(sslkey === undefined ? {} : { key: readPem('sslkey', sslkey) }),
  };
  const ca =
    sslrootcert === undefined || sslrootcert === 'system' ? {} : { ca: readPem('sslrootcert', sslrootcert) };
  const checked = { ...ca, ...client, rejectUnauthorized: true };
  // With an authority of its own `require` checks the chain, as libpq has it; `system` means the name as well.
  if (sslmode === 'verify-full' || (sslrootcert === 'system' && sslmode !== 'verify-ca'))
    return { ...checked, ...nameCheck(hosts) };
  if (sslmode === 'verify-ca' || (sslmode === 'require' && sslrootcert !== undefined))
    return { ...checked, checkServerIdentity: () => undefined };
  if (sslmode === undefined) {
    if (sslrootcert === undefined && sslcert === undefined) return undefined;
    throw refused('names files of TLS and no sslmode; verify-full is the safe one');
  }
  return sslcert === undefined ? sslmode : { ...client, rejectUnauthorized: false };
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw refused(`names a file (${name}=${path}) that cannot be read`, error);
  }
}

/** Never with the URL itself: it holds the password. */
function refused(words: string, error?: unknown): DrayageError {
  const mend = 'Mend the end of DATABASE_URL: ?sslmode=verify-full&sslrootcert=/path/of/authority.pem';
  return new DrayageError(
    { code: 'badDatabaseUrl', message: `DATABASE_URL ${words}.`, mend },
    { cause: error },
  );
}
