import { readFileSync } from 'node:fs';
import { DrayageError } from '../core/cause.ts';

/** Variables that hold secrets. Each may come from a file instead: NAME_FILE holds its path. */
const SECRETS = ['DATABASE_URL', 'TEMPORAL_API_KEY', 'DRAYAGE_ADMIN_PASSWORD'] as const;

/**
 * The environment with the secrets that are given by files, as Docker and others hand them to a process: what is in a file
 * does not show in `docker inspect`. A line feed at the file's end does not belong to the secret.
 * @throws DrayageError environment: a file cannot be read, is empty, or the secret is given in both ways
 */
export function withSecretFiles(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const filled = { ...environment };
  for (const name of SECRETS) {
    const path = environment[`${name}_FILE`];
    if (path === undefined || path === '') continue;
    if ((environment[name] ?? '') !== '') throw refused(name, `is set, and so is ${name}_FILE`);
    filled[name] = readSecret(name, path);
  }
  return filled;
}

function readSecret(name: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw refused(`${name}_FILE`, `names ${path}, which cannot be read`, error);
  }
  if (text === '') throw refused(`${name}_FILE`, `names ${path}, which is empty`);
  return text;
}

function refused(name: string, words: string, error?: unknown): DrayageError {
  return new DrayageError(
    {
      code: 'environment',
      message: `The environment is not right: ${name} ${words}.`,
      mend: 'Give the secret in one way, in a file that this process may read.',
    },
    { cause: error },
  );
}
