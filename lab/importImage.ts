import { openAsBlob } from 'node:fs';
import { problemSchema } from '../core/api/common.ts';
import { imageSchema, type ImageView } from '../core/api/images.ts';
import { DrayageError } from '../core/cause.ts';
import { apiUrl } from './control.ts';
import type { ControlApi } from './controlApi.ts';
import type { Lab } from './state.ts';

/** Gives the tar of a root file system to the control plane. @throws DrayageError when it is refused */
export async function importImage(
  lab: Lab,
  api: ControlApi,
  { name, command, path }: { name: string; command: readonly string[]; path: string },
): Promise<ImageView> {
  const query = new URLSearchParams({ name });
  for (const word of command) query.append('cmd', word);
  const answer = await fetch(`${apiUrl(lab)}/api/v1/images?${query.toString()}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/x-tar' },
    body: await openAsBlob(path, { type: 'application/x-tar' }),
  });
  const body: unknown = await answer.json();
  if (answer.ok) return imageSchema.parse(body);
  const { detail, causes } = problemSchema.parse(body);
  throw new DrayageError(causes[0] ?? { code: 'imageRefused', message: detail, mend: '' });
}
