import { freshId } from '../../../api/context.ts';
import { hashSecret, newSecret } from '../../../api/secrets.ts';
import { accountByEmail } from '../../../db/accounts.ts';
import { createToken } from '../../../db/tokens.ts';
import { ADMIN, type TestApi } from '../support/api.ts';
import { makeApp, makeCompute, makeDevice, makeTransfer } from '../support/fixtures.ts';
import { addPerson } from '../support/people.ts';
import { type Member, PROGRAM, tarOf } from '../support/tar.ts';
import type { Asker } from './requests.ts';

/** What there is to ask about, and who may ask. */
export interface FuzzScene {
  /** Texts that mean something as the parameter or member of that name, in requests of that path. */
  known(path: string, name: string): string[];
  /** Bodies that an image or an application can be made of. */
  archives: string[];
  /** Null: without one. */
  tokenOf(asker: Asker): string | null;
  /** A session of its own for the operator, which may be ended. */
  freshSession(): Promise<string>;
}

const MANIFEST = JSON.stringify({ name: 'uploaded', runtime: 'node', start: ['node', 'server.js'] });

/** Of ASCII members it is ASCII itself. */
const archive = async (members: Member[]) => (await tarOf(members)).toString('latin1');

/** Fills the database with some of everything. */
export async function makeScene(api: TestApi): Promise<FuzzScene> {
  const { db } = api.context;
  const owner = await addPerson(api, 'owner');
  const invited = await owner.call('POST', `/tenants/${owner.tenantId}/invitations`, {
    ...{ email: 'viewer@example.org', role: 'viewer' },
  });
  const viewer = await addPerson(api, 'viewer', invited.body.secret);
  const admin = await accountByEmail(db, ADMIN.email);
  const freshSession = async () => {
    const token = `drs_${newSecret()}`;
    await createToken(db, {
      ...{ id: freshId('token'), accountId: admin!.id, kind: 'session', name: 'token' },
      ...{ secretHash: hashSecret(token), lifeSeconds: 86_400 },
    });
    return token;
  };
  const operator = await freshSession();

  const computes = [await makeCompute(db), await makeCompute(db, { tenantId: owner.tenantId })];
  const moves = [await makeTransfer(db), await makeTransfer(db, owner.tenantId)];
  const apps = [await makeApp(db), await makeApp(db, owner.tenantId)];
  const devices = [await makeDevice(db), await makeDevice(db)];
  const digest = `sha256:${'0'.repeat(64)}`;
  const made = async (path: string, body: object) => (await api.call('POST', path, body)).body;
  const upload = await made('/images/uploads', { name: 'parts', bytes: 100, digest });
  const pull = await made('/images/pull', { reference: 'registry.example.org/app:1' });
  const registry = await made('/registries', { host: 'registry.example.org', username: 'me', password: 'x' });
  const webhook = await made('/webhooks', { url: 'http://127.0.0.1:9/' });
  const token = await made('/tokens', { name: 'program' });
  const { items: tenants } = (await api.call('GET', '/tenants')).body;

  const named = (rows: { id: string; name: string }[]) => rows.flatMap(({ id, name }) => [id, name]);
  /** By the first part of the paths that are about them. */
  const things: Record<string, string[]> = {
    apps: apps.map(({ id }) => id),
    computes: named([...computes, ...moves.map((move) => move.compute)]),
    devices: named(devices),
    images: computes.map(({ imageId }) => imageId ?? ''),
    migrations: moves.map((move) => move.migrationId),
    registries: [registry.id],
    tenants: tenants.map(({ id }) => id),
    tokens: [token.id],
    webhooks: [webhook.id],
  };
  const words: Record<string, string[] | undefined> = {
    account: [viewer.id, owner.id],
    invitation: [invited.body.id],
    upload: [upload.id],
    pull: [pull.id],
    tenant: things['tenants'],
    compute: things['computes'],
    subject: things['computes'],
    device: things['devices'],
    target: things['devices'],
    image: things['images'],
    cursor: [Buffer.from('s1').toString('base64url'), Buffer.from('s999999999999999').toString('base64url')],
    url: ['https://127.0.0.1:9/a', 'http://localhost:9/'],
    types: ['compute.*', 'migration.progress', 'none'],
    since: ['10m', '2026-01-01T00:00:00Z', '999999999d', '+275760-09-13T00:00:00Z'],
    label: ['a=b', '=', 'a=%00'],
    reference: ['registry.example.org/app:1', `127.0.0.1:1/app@${digest}`],
  };
  const tokens: Record<Asker, string | null> = {
    operator,
    owner: owner.token,
    viewer: viewer.token,
    nobody: null,
    madeUp: 'drt_never-given-out',
  };
  return {
    known: (path, name) => {
      const first = path.replace('/api/v1/', '').split('/')[0] ?? '';
      if (name === 'id') return things[first] ?? Object.values(things).flat();
      return (Object.hasOwn(words, name) ? words[name] : undefined) ?? [];
    },
    archives: [await archive([PROGRAM]), await archive([{ name: 'drayage.json', content: MANIFEST }])],
    tokenOf: (asker) => tokens[asker],
    freshSession,
  };
}
