import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { DrayageError } from '../core/cause.ts';

const credentialsSchema = z.object({ url: z.string(), token: z.string(), email: z.string().optional() });
/** Where to sign in, and with what. */
export type Credentials = z.infer<typeof credentialsSchema>;

const fileSchema = z.object({ profiles: z.record(z.string(), credentialsSchema).default({}) });

/** The profile in use: the lab's name, so that several labs have one each. */
export function profileName(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['DRAYAGE_LAB'] ?? 'lab';
}

/** `$XDG_CONFIG_HOME/drayage/config.json`, or below ~/.config. */
export function credentialsPath(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'drayage', 'config.json');
}

async function readProfiles(path: string): Promise<z.infer<typeof fileSchema>> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { profiles: {} };
    throw new DrayageError(
      {
        code: 'badConfig',
        message: `${path} cannot be read.`,
        mend: 'Mend or remove it, and sign in again with `drayage login`.',
      },
      { cause: error },
    );
  }
}

/** Signs the CLI in for a profile; null forgets it. The file is only its owner's (0600). */
export async function saveCredentials(
  credentials: Credentials | null,
  profile = profileName(),
): Promise<void> {
  const path = credentialsPath();
  const { profiles } = await readProfiles(path);
  const { [profile]: _, ...others } = profiles;
  const next = credentials === null ? others : { ...others, [profile]: credentials };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${String(process.pid)}.tmp`;
  await writeFile(temporary, `${JSON.stringify({ profiles: next }, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

/** Of the control plane in use: DRAYAGE_URL, or where the CLI was signed in last. */
export async function knownUrl(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const { profiles } = await readProfiles(credentialsPath(environment));
  return environment['DRAYAGE_URL'] ?? profiles[profileName(environment)]?.url;
}

/** DRAYAGE_URL and DRAYAGE_TOKEN win over the file. @throws DrayageError notSignedIn */
export async function loadCredentials(environment: NodeJS.ProcessEnv = process.env): Promise<Credentials> {
  const { profiles } = await readProfiles(credentialsPath(environment));
  const stored = profiles[profileName(environment)];
  const url = environment['DRAYAGE_URL'] ?? stored?.url;
  const token = environment['DRAYAGE_TOKEN'] ?? stored?.token;
  if (url !== undefined && token !== undefined) return { url, token, email: stored?.email };
  throw new DrayageError({
    code: 'notSignedIn',
    message: 'The CLI is not signed in.',
    mend: 'Run `drayage lab up` for a lab on this machine, or `drayage login --url URL --email E`.',
  });
}
