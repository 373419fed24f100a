import type { z } from 'zod';
import { DrayageError } from '../core/cause.ts';
import { withSecretFiles } from './secretFiles.ts';

/** The environment of one of the control plane's processes. @throws DrayageError environment, naming every variable that is wrong */
export function readEnvironment<T extends z.ZodType>(
  schema: T,
  environment: NodeJS.ProcessEnv,
  mend: string,
): z.output<T> {
  const parsed = schema.safeParse(withSecretFiles(environment));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ');
  throw new DrayageError({
    code: 'environment',
    message: `The environment is not complete: ${wrong}.`,
    mend,
  });
}
