import type { InjectOptions } from 'fastify';
import { type Answer, callApp, type TestApi } from './api.ts';

export const PASSWORD = 'a horse of another colour';

/** Somebody who has registered, with a tenant of the same name. */
export interface Person {
  id: string;
  email: string;
  tenantId: string;
  token: string;
  call(
    method: InjectOptions['method'],
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

/** Registers somebody; `over` may hold an invitation. Rate limits count by address, so each comes from another one. */
export async function register(api: TestApi, name: string, over: object = {}): Promise<Person> {
  const email = `${name}@example.org`;
  const answer = await api.app.inject({
    method: 'POST',
    url: '/api/v1/auth/register',
    remoteAddress: addressOf(name),
    payload: { email, password: PASSWORD, ...over },
  });
  if (answer.statusCode !== 201) throw new Error(`${email} could not register: ${answer.body}`);
  const { token, account } = answer.json<{
    token: string;
    account: { id: string; tenants: { id: string }[] };
  }>();
  return {
    id: account.id,
    email,
    tenantId: account.tenants[0]?.id ?? '',
    token,
    call: (method, path, body, headers) => callApp(api.app, token, method, path, body, headers),
  };
}

function addressOf(name: string): string {
  const sum = [...name].reduce((total, letter) => (total * 31 + letter.charCodeAt(0)) % 65_000, 7);
  return `10.9.${String(sum >> 8)}.${String(sum & 255)}`;
}
