import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createToken } from '../../db/tokens.ts';
import { hashSecret } from '../../api/secrets.ts';
import { getCompute } from '../../db/computes.ts';
import { only } from '../../db/database.ts';
import { getMigration } from '../../db/migrationRecords.ts';
import { addVolumes, listVolumes } from '../../db/volumes.ts';
import { callApp, useApi } from './support/api.ts';
import { id, makeApp, makeDevice, makeSnapshot, makeTransfer } from './support/fixtures.ts';
import { addPerson, type Person } from './support/people.ts';

const api = useApi();

interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  path: string;
  needs: string;
}

interface Document {
  paths: Record<string, Record<string, { security?: unknown[]; 'x-needs'?: string }>>;
}

/** Requests that are right but for who sends them; a route with a body that is not here fails the test. */
const BODIES: Record<string, object> = {
  'POST /computes': { name: 'theirs', image: 'img_000000000000' },
  'POST /tenants': { name: 'third' },
  'POST /images/uploads': { name: 'theirs', bytes: 1, digest: `sha256:${'0'.repeat(64)}` },
  'POST /images/pull': { reference: 'x.org/web' },
  'POST /groups': { name: 'theirs' },
  'POST /computes/{id}/snapshots': { name: 'theirs' },
  'POST /snapshots/{id}/restore': { name: 'theirs' },
  'POST /registries': { host: 'x.org', username: 'someone', password: 'a secret' },
  'POST /tokens': { name: 'a token' },
  'POST /devices': {},
  'POST /devices/tokens': {},
  'PUT /runtimes/{runtime}': { image: 'img_000000000000' },
  'POST /invitations/accept': { secret: 'no such secret' },
  'PATCH /computes/{id}': { cpus: 1 },
  'PATCH /tenants/{id}/quota': { computes: 1 },
  'PATCH /tenants/{id}/members/{account}': { role: 'viewer' },
  'POST /tenants/{id}/invitations': { email: 'x@example.org' },
  'POST /schedules': { name: 'theirs', cron: '0 3 * * *', action: 'rebalance' },
  'POST /webhooks': { url: 'https://example.org/' },
  'PATCH /webhooks/{id}': { enabled: false },
};

/** And what a path must have behind it. */
const QUERIES: Record<string, string> = { '/volumes/{id}/content': '?path=/file' };

/** Of the first path segment: what stands for `{id}`. */
type Ids = Record<
  | 'apps'
  | 'computes'
  | 'images'
  | 'migrations'
  | 'tenants'
  | 'tokens'
  | 'devices'
  | 'webhooks'
  | 'volumes'
  | 'groups'
  | 'evacuations'
  | 'schedules'
  | 'registries'
  | 'snapshots',
  string
> & {
  account: string;
  invitation: string;
  upload: string;
  pull: string;
};

const nobodys = (): Ids => ({
  apps: id('app'),
  computes: id('compute'),
  images: id('image'),
  migrations: id('migration'),
  tenants: id('tenant'),
  tokens: id('token'),
  devices: id('device'),
  webhooks: id('webhook'),
  volumes: id('volume'),
  groups: id('group'),
  evacuations: id('evacuation'),
  schedules: id('schedule'),
  snapshots: id('snapshot'),
  account: id('user'),
  invitation: id('invitation'),
  upload: id('upload'),
  pull: id('pull'),
  registries: id('registry'),
});

let routes: Route[];
let theirs: Ids;
let owner: Person;
let viewer: Person;
let stranger: Person;

function urlOf({ path }: Route, ids: Ids): string {
  const [, first = ''] = path.split('/');
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    // The installation's, and known to all.
    if (name === 'runtime') return 'node';
    const found = name === 'id' ? ids[first as keyof Ids] : ids[name as keyof Ids];
    if (found === undefined) throw new Error(`${path}: the test does not know what {${name}} stands for`);
    return found;
  });
  return filled + (QUERIES[path] ?? '');
}

const bodyOf = ({ method, path }: Route): object | undefined => BODIES[`${method} ${path}`];

/** An answer without what was asked for: what is left must not tell whether it exists. */
function answerWithout(answer: { status: number; body: unknown }, ids: Ids): string {
  let text = JSON.stringify([answer.status, answer.body]);
  for (const one of Object.values(ids)) text = text.replaceAll(one, 'ID');
  return text;
}

beforeEach(async () => {
  const { db } = api.context;
  const { paths } = (await api.app.inject('/api/openapi.json')).json<Document>();
  routes = Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security }]) => security?.length !== 0)
        .map(([method, route]) => ({
          method: method.toUpperCase() as Route['method'],
          path,
          needs: route['x-needs'] ?? '',
        })),
    )
    .filter(({ path }) => path.startsWith('/api/v1'))
    .map((route) => ({ ...route, path: route.path.replace('/api/v1', '') }));
  owner = await addPerson(api, 'owner');
  stranger = await addPerson(api, 'stranger');
  const invited = await owner.call('POST', `/tenants/${owner.tenantId}/invitations`, {
    email: 'viewer@example.org',
    role: 'viewer',
  });
  viewer = await addPerson(api, 'viewer', (invited.body as { secret: string }).secret);
  const { compute, migrationId } = await makeTransfer(db, owner.tenantId);
  const token = await owner.call('POST', '/tokens', { name: 'mine' });
  await addVolumes(db, compute.id, [{ name: 'data', path: '/data' }]);
  const volume = only((await listVolumes(db, owner.tenantId, { limit: 1 })).items);
  const webhook = await owner.call('POST', '/webhooks', { url: 'https://example.org/' });
  const upload = await owner.call('POST', '/images/uploads', BODIES['POST /images/uploads']);
  const pull = await owner.call('POST', '/images/pull', BODIES['POST /images/pull']);
  const group = await owner.call('POST', '/groups', { name: 'ours' });
  const registry = await owner.call('POST', '/registries', BODIES['POST /registries']);
  theirs = {
    apps: (await makeApp(db, owner.tenantId)).id,
    computes: compute.id,
    images: compute.imageId ?? '',
    migrations: migrationId,
    tenants: owner.tenantId,
    tokens: (token.body as { id: string }).id,
    devices: (await makeDevice(db)).id,
    webhooks: (webhook.body as { id: string }).id,
    volumes: volume.id,
    groups: (group.body as { id: string }).id,
    evacuations: id('evacuation'),
    schedules: id('schedule'),
    snapshots: (await makeSnapshot(db, compute)).id,
    account: viewer.id,
    invitation: (invited.body as { id: string }).id,
    upload: upload.body.id,
    pull: pull.body.id,
    registries: registry.body.id,
  };
});

/** Of one tenant's things, the ones that are named in the path. */
const ofThings = () =>
  routes.filter(
    ({ path }) => path.includes('{') && !/^\/(devices|evacuations|runtimes|schedules)\//.test(path),
  );

async function nothingHasChanged(): Promise<void> {
  const { db } = api.context;
  expect((await getCompute(db, theirs.computes)).state).toBe('running');
  expect((await getMigration(db, theirs.migrations)).state).toBe('pending');
  for (const path of [
    `/apps/${theirs.apps}`,
    `/images/${theirs.images}`,
    `/images/uploads/${theirs.upload}`,
    `/tenants/${theirs.tenants}`,
    `/groups/${theirs.groups}`,
    `/snapshots/${theirs.snapshots}`,
  ])
    expect((await owner.call('GET', path)).status, path).toBe(200);
  const [tokens, members] = await Promise.all([
    owner.call('GET', '/tokens'),
    owner.call('GET', `/tenants/${theirs.tenants}/members`),
  ]);
  expect(JSON.stringify(tokens.body)).toContain(theirs.tokens);
  expect((await owner.call('GET', `/webhooks/${theirs.webhooks}`)).body).toMatchObject({ enabled: true });
  expect(members.body).toMatchObject({ items: [{ role: 'owner' }, { role: 'viewer' }] });
  expect(api.workflows.lifecycles).toEqual([]);
}

describe('every route of the OpenAPI document', () => {
  it('says what it needs', () => {
    expect(routes.length).toBeGreaterThan(30);
    expect(routes.filter(({ needs }) => needs === '')).toEqual([]);
  });

  it('refuses who has no token, or one that has ended', async () => {
    const ended = randomBytes(16).toString('hex');
    await createToken(api.context.db, {
      ...{ id: id('token'), accountId: owner.id, kind: 'api', name: 'over' },
      secretHash: hashSecret(ended),
      lifeSeconds: -1,
    });
    for (const route of routes)
      for (const secret of [null, ended, 'never given out']) {
        const answer = await callApp(api.app, secret, route.method, urlOf(route, theirs), bodyOf(route));
        expect(answer.status, `${route.method} ${route.path}`).toBe(401);
      }
    await nothingHasChanged();
  });

  it("does not tell another tenant's owner whether a thing exists, nor touches it", async () => {
    for (const route of ofThings()) {
      const words = `${route.method} ${route.path}`;
      const body = bodyOf(route);
      const none = nobodys();
      const answer = await stranger.call(route.method, urlOf(route, theirs), body);
      const unknown = await stranger.call(route.method, urlOf(route, none), body);
      expect(answer.status, words).toBe(404);
      expect(answerWithout(answer, theirs), words).toBe(answerWithout(unknown, none));
    }
    await nothingHasChanged();
  });

  it("shows another tenant's owner nothing in lists, also when that tenant is named", async () => {
    const secrets = Object.entries(theirs).filter(([kind]) => kind !== 'devices');
    // The stream of events never ends; events.test.ts looks into it.
    const lists = routes.filter(
      ({ method, path }) => method === 'GET' && !path.includes('{') && path !== '/events',
    );
    for (const route of lists) {
      const mine = await stranger.call('GET', route.path);
      for (const [kind, one] of secrets)
        expect(JSON.stringify(mine.body), `${route.path} shows ${kind}`).not.toContain(one);
      const named = await stranger.call('GET', route.path, undefined, { 'x-drayage-tenant': theirs.tenants });
      const none = nobodys();
      const unknown = await stranger.call('GET', route.path, undefined, { 'x-drayage-tenant': none.tenants });
      expect(named.status, route.path).toBe(404);
      expect(answerWithout(named, theirs)).toBe(answerWithout(unknown, none));
    }
  });

  it('lets a viewer look, and change nothing', async () => {
    for (const route of routes) {
      const words = `${route.method} ${route.path}`;
      // An account's own things are not the tenant's.
      if (route.needs === 'signedIn') continue;
      const { status } = await viewer.call(route.method, urlOf(route, theirs), bodyOf(route));
      if (route.needs === 'viewer') expect([401, 403, 404], words).not.toContain(status);
      else expect(status, words).toBe(403);
    }
    await nothingHasChanged();
  });

  it('keeps the devices and the quotas for the operator', async () => {
    const operators = routes.filter(({ needs }) => needs === 'operator');
    expect(operators.length).toBeGreaterThan(5);
    for (const route of operators)
      expect(
        (await owner.call(route.method, urlOf(route, theirs), bodyOf(route))).status,
        `${route.method} ${route.path}`,
      ).toBe(403);
  });
});

describe('what is named in a body or a query', () => {
  it("is unknown when it is another tenant's", async () => {
    const none = nobodys();
    const compute = (image: string) => stranger.call('POST', '/computes', { name: 'mine', image });
    const [answer, unknown] = [await compute(theirs.images), await compute(none.images)];
    expect(answer).toMatchObject({ status: 404, body: { causes: [{ code: 'unknownImage' }] } });
    expect(answerWithout(answer, theirs)).toBe(answerWithout(unknown, none));
    expect(await stranger.call('GET', `/migrations?compute=${theirs.computes}`)).toMatchObject({
      status: 404,
      body: { causes: [{ code: 'unknownCompute' }] },
    });
  });

  it('may have the same name in two tenants', async () => {
    const { db } = api.context;
    const { name } = await getCompute(db, theirs.computes);
    expect(await stranger.call('GET', `/computes/${name}`)).toMatchObject({ status: 404 });
    expect(await owner.call('GET', `/computes/${name}`)).toMatchObject({
      status: 200,
      body: { id: theirs.computes },
    });
    // The operator finds what is another tenant's by its id, and by its name in the tenant that it names.
    expect(await api.call('GET', `/computes/${name}`)).toMatchObject({ status: 404 });
    expect(await api.call('GET', `/computes/${theirs.computes}`)).toMatchObject({ status: 200 });
    const named = { 'x-drayage-tenant': theirs.tenants };
    expect(await api.call('GET', `/computes/${name}`, undefined, named)).toMatchObject({ status: 200 });
  });
});
