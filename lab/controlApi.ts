import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import { listOf } from '../core/api/common.ts';
import { causeSchema, DrayageError } from '../core/cause.ts';
import { apiUrl, readAdmin } from './control.ts';
import type { Lab } from './state.ts';

const sessionSchema = z.object({ token: z.string() });
const problemSchema = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  causes: z.array(causeSchema).default([]),
});

/** The lab's user API, as one account. Paths are below /api/v1. */
export interface ControlApi {
  /** Throws a DrayageError with the problem's first cause when the answer is one. */
  request(method: string, path: string, body?: unknown): Promise<unknown>;
  /**
   * Resolves when events of these types (`migration.*`, say) with this subject are being listened for; `heard` is called at
   * each, until the signal. A connection that ends is not made again. @throws DrayageError when it is refused
   */
  listen(query: { types: string; subject?: string }, heard: () => void, signal: AbortSignal): Promise<void>;
  token: string;
}

/**
 * The API as the account that the control plane made at its first start. Signs in once per lab: the API takes only a few
 * sign-ins a minute, and the session lasts longer than any lab.
 */
export async function controlApi(lab: Lab): Promise<ControlApi> {
  const token = (await readFile(sessionFile(lab), 'utf8').catch(() => null)) ?? (await signIn(lab));
  return apiWithToken(lab, token);
}

/** All of a list, page after page. `path` without a query. */
export async function listAll<T>(api: ControlApi, path: string, item: z.ZodType<T>): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = null;
  do {
    const next: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = listOf(item).parse(await api.request('GET', `${path}?limit=500${next}`));
    all.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return all;
}

/** The API as whoever has the token. */
export function apiWithToken(lab: Lab, token: string): ControlApi {
  return {
    token,
    request: (method, path, body) => send(lab, token, method, path, body),
    listen: (query, heard, signal) => listen(lab, token, query, heard, signal),
  };
}

async function signIn(lab: Lab): Promise<string> {
  const admin = await readAdmin(lab);
  if (admin === null) {
    throw new DrayageError({
      code: 'noAdmin',
      message: `The control plane of lab '${lab.name}' has not made its admin account.`,
      mend: `See its log: ${lab.paths.controlLog}`,
    });
  }
  const { token } = sessionSchema.parse(
    await send(lab, null, 'POST', '/auth/sign-in', { ...admin, session: 'token' }),
  );
  await writeFile(sessionFile(lab), token, { mode: 0o600 });
  return token;
}

function sessionFile(lab: Lab): string {
  return join(lab.paths.root, 'session');
}

async function send(
  lab: Lab,
  token: string | null,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const headers: Record<string, string> = {};
  if (token !== null) headers['authorization'] = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const answer = await fetch(`${apiUrl(lab)}/api/v1${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.ok) return text === '' ? null : JSON.parse(text);
  throw problemOf(`${method} ${path}: ${answer.status}`, text);
}

async function listen(
  lab: Lab,
  token: string,
  query: { types: string; subject?: string },
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const path = `/events?${new URLSearchParams(query).toString()}`;
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${apiUrl(lab)}/api/v1${path}`, { headers, signal });
  if (!answer.ok || answer.body === null)
    throw problemOf(`GET ${path}: ${answer.status}`, await answer.text());
  const parser = createParser({ onEvent: heard });
  const text = answer.body.pipeThrough(new TextDecoderStream());
  void text.pipeTo(new WritableStream({ write: (chunk) => parser.feed(chunk) })).catch(() => undefined);
}

function problemOf(request: string, text: string): DrayageError {
  let problem: z.infer<typeof problemSchema> | undefined;
  try {
    problem = problemSchema.parse(JSON.parse(text));
  } catch {
    // Not a problem document: its words are all there is.
  }
  const [cause] = problem?.causes ?? [];
  return new DrayageError({
    code: cause?.code ?? 'apiRefused',
    message: `${request}: ${cause?.message ?? problem?.detail ?? problem?.title ?? text.slice(0, 300)}`,
    mend: cause?.mend ?? '',
  });
}
