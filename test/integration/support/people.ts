import type { InjectOptions } from 'fastify';
import { freshId } from '../../../api/context.ts';
import { hashSecret, newSecret } from '../../../api/secrets.ts';
import { createAccount } from '../../../db/accounts.ts';
import { acceptInvitation } from '../../../db/invitations.ts';
import { createTenant } from '../../../db/tenants.ts';
import { createToken } from '../../../db/tokens.ts';
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
  return personOf(api, { id: account.id, email, tenantId: account.tenants[0]?.id ?? '', token });
}

/**
 * Somebody with a tenant of the same name, or in the one of the invitation, who has no password: for tests that are not about
 * registering, for a password's hash takes long by design.
 */
export async function addPerson(api: TestApi, name: string, invitation?: string): Promise<Person> {
  const { db } = api.context;
  const email = `${name}@example.org`;
  const [id, token] = [freshId('user'), `drs_${newSecret()}`];
  await createAccount(db, { id, email, passwordHash: '', role: 'user' });
  const tenantId =
    invitation === undefined
      ? (await createTenant(db, { id: freshId('tenant'), name, owner: id })).id
      : (await acceptInvitation(db, hashSecret(invitation), { accountId: id, email })).tenantId;
  await createToken(db, {
    ...{ id: freshId('token'), accountId: id, kind: 'session', name: 'token' },
    ...{ secretHash: hashSecret(token), lifeSeconds: 86_400 },
  });
  return personOf(api, { id, email, tenantId, token });
}

function personOf(api: TestApi, who: Omit<Person, 'call'>): Person {
  return {
    ...who,
    call: (method, path, body, headers) => callApp(api.app, who.token, method, path, body, headers),
  };
}

function addressOf(name: string): string {
  const sum = [...name].reduce((total, letter) => (total * 31 + letter.charCodeAt(0)) % 65_000, 7);
  return `10.9.${String(sum >> 8)}.${String(sum & 255)}`;
}
