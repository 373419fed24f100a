import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { archivePath } from '../../api/images/store.ts';
import { openAuthority } from '../../api/pki/authority.ts';
import { joinResponseSchema } from '../../core/deviceApi.ts';
import { parseJoinToken } from '../../core/joinToken.ts';
import { until } from '../../core/until.ts';
import { createAccount } from '../../db/accounts.ts';
import { getCompute, removeCompute, setComputeState, setDesired } from '../../db/computes.ts';
import { eventsOf } from '../../db/events.ts';
import { getDevice, retireDevice } from '../../db/devices.ts';
import { markUnreachable } from '../../db/signsOfLife.ts';
import { listAudit } from '../../db/audit.ts';
import { getPlacement } from '../../db/placements.ts';
import { device as deviceTable, joinToken as joinTokenTable } from '../../db/schema/index.ts';
import { openTransfer } from '../../db/transfers.ts';
import { createMigration, finishMigration } from '../../db/migrationRecords.ts';
import { networkRulesSchema } from '../../core/networkRules.ts';
import { anyString, containing } from './support/answer.ts';
import { createTenant } from '../../db/tenants.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeInventory, transferId } from './support/fixtures.ts';
import { ask, makeRequest, type TlsIdentity, LIFE_SECONDS } from './support/tls.ts';

const api = useApi();
let url = '';
let ca = '';

beforeEach(async () => {
  url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
  ca = api.context.authority.certificate;
});

const newToken = async (expiresInSeconds = 60) =>
  (await api.call('POST', '/devices/tokens', { expiresInSeconds })).body.token;
const inventory = makeInventory();

/** Joins as a new device; returns its id and what it shows from now on. */
async function joinAs(name: string): Promise<{ deviceId: string; tls: TlsIdentity; csr: string }> {
  const { key, csr } = await makeRequest();
  const answer = await ask(url, { ca }, 'POST', '/device/v1/join', {
    token: await newToken(),
    csr,
    name,
    inventory,
  });
  const { deviceId, certificate } = joinResponseSchema.parse(answer.body);
  return { deviceId, csr, tls: { key, cert: certificate, ca } };
}

const code = (answer: { status: number; body: { causes?: { code: string }[] } | null }) => [
  answer.status,
  answer.body?.causes?.[0]?.code,
];

describe('joining', () => {
  it('makes of a device that is expected what was said of it, and of its name no second', async () => {
    const expected = { name: 'roof', location: 'Hall 3', labels: { rack: 'a' } };
    const { status, body } = await api.call('POST', '/devices', expected);
    expect(status).toBe(201);
    const { csr } = await makeRequest();
    const joining = { token: body.token, csr, name: 'localhost', inventory };
    const joined = await ask(url, { ca }, 'POST', '/device/v1/join', joining);
    const { deviceId } = joinResponseSchema.parse(joined.body);
    const device = (await api.call('GET', `/devices/${deviceId}`)).body;
    expect(device).toMatchObject({ ...expected, state: 'pending' });
    expect(code(await api.call('POST', '/devices', { name: 'roof' }))).toEqual([409, 'nameTaken']);
    expect((await api.call('POST', '/devices', { labels: { 'a b': '' } })).status).toBe(400);
  });

  it('is refused to a version that this one does not understand, before its token is used', async () => {
    const { csr } = await makeRequest();
    const token = await newToken();
    const joining = { token, csr, name: 'edge-v', inventory };
    const old = { ...joining, inventory: { ...inventory, version: '9.0.0' } };
    const refused = await ask(url, { ca }, 'POST', '/device/v1/join', old);
    expect(code(refused)).toEqual([409, 'versionsApart']);
    expect(refused.body.causes[0]?.mend).toContain('control plane');
    expect((await ask(url, { ca }, 'POST', '/device/v1/join', joining)).status).toBe(200);
  });

  it('gives a certificate that names the device, whatever the request says', async () => {
    const { key, csr } = await makeRequest('CN=control');
    const token = await newToken();
    const answer = await ask(url, { ca }, 'POST', '/device/v1/join', {
      token,
      csr,
      name: 'edge-a',
      inventory,
    });
    expect(answer.status).toBe(200);
    const joined = joinResponseSchema.parse(answer.body);
    const certificate = new X509Certificate(joined.certificate);
    const issuer = new X509Certificate(joined.ca);
    expect(certificate.subject).toBe(`CN=${joined.deviceId}`);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(parseJoinToken(token)?.caFingerprint).toBe(
      createHash('sha256').update(issuer.raw).digest('base64url'),
    );
    // The gateway: devices do not reach Temporal itself.
    expect(joined.temporal).toEqual({ address: '127.0.0.1:7234', namespace: 'default' });
    expect((await getDevice(api.context.db, 'edge-a')).state).toBe('pending');
    const tls = { key, cert: joined.certificate, ca };
    expect((await ask(url, tls, 'GET', '/device/v1/placements')).body).toEqual({ items: [] });
    expect((await api.call('POST', '/devices/edge-a/approve')).body.state).toBe('ready');
  });

  it('takes a token once, within its time, and none that is wrong', async () => {
    const { csr } = await makeRequest();
    const attempt = async (token: string | undefined, name: string, request = csr) =>
      code(await ask(url, { ca }, 'POST', '/device/v1/join', { token, csr: request, name, inventory }));
    const token = await newToken();
    const refused = [401, 'joinTokenRefused'];
    expect(await attempt(undefined, 'edge')).toEqual([400, 'invalid']);
    expect(await attempt('nonsense', 'edge')).toEqual(refused);
    expect(await attempt(token.replace(/_[0-9a-f]{64}_/, `_${'0'.repeat(64)}_`), 'edge')).toEqual(refused);
    expect(await attempt(token, 'edge')).toEqual([200, undefined]);
    // The same key repeats its request: the answer may have been lost.
    expect(await attempt(token, 'edge')).toEqual([200, undefined]);
    expect(await attempt(token, 'other', (await makeRequest()).csr)).toEqual(refused);
    const late = await newToken();
    await api.context.db.update(joinTokenTable).set({ expiresAt: new Date(Date.now() - 1000) });
    expect(await attempt(late, 'late')).toEqual(refused);
    expect((await api.call('GET', '/devices')).body.items).toHaveLength(1);
  });

  it('lets one of two devices with one token in', async () => {
    const token = await newToken();
    const requests = await Promise.all([makeRequest(), makeRequest(), makeRequest()]);
    const answers = await Promise.all(
      requests.map(({ csr }, index) =>
        ask(url, { ca }, 'POST', '/device/v1/join', { token, csr, name: `edge-${String(index)}`, inventory }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  });

  it('leaves the token unused when the rest of the request is wrong', async () => {
    await joinAs('taken');
    const token = await newToken();
    const { csr } = await makeRequest();
    const attempt = async (over: object) =>
      code(
        await ask(url, { ca }, 'POST', '/device/v1/join', { token, csr, name: 'edge', inventory, ...over }),
      );
    expect(await attempt({ name: 'taken' })).toEqual([409, 'nameTaken']);
    expect(await attempt({ csr: 'not a request' })).toEqual([400, 'badCsr']);
    expect(await attempt({ name: 'Not A Name' })).toEqual([400, 'invalid']);
    expect(await attempt({ inventory: {} })).toEqual([400, 'invalid']);
    expect(await attempt({})).toEqual([200, undefined]);
  });
});

describe("the devices' routes", () => {
  const ROUTES: [string, string][] = [
    ['POST', '/heartbeat'],
    ['GET', '/network'],
    ['GET', '/placements'],
    ['GET', '/images/x/archive'],
    ['GET', '/peers/dev_000000000000'],
    ['POST', `/transfers/${'0'.repeat(32)}/ask`],
    ['POST', `/transfers/${'0'.repeat(32)}/report`],
    ['POST', '/exits'],
    ['POST', '/hand-overs'],
    ['POST', '/metrics'],
    ['GET', '/images/x/sources'],
    ['POST', '/images/x/requests'],
    ['POST', '/images'],
  ];

  it("refuse who shows no certificate, one of another authority, one of a removed device, and the control plane's own", async () => {
    const { tls, deviceId } = await joinAs('gone');
    await retireDevice(api.context.db, deviceId);
    const directory = await mkdtemp(join(tmpdir(), 'drayage-other-'));
    const other = await openAuthority(directory);
    const { key, csr } = await makeRequest();
    const foreign = { key, cert: (await other.signRequest(csr, deviceId, LIFE_SECONDS)).certificate, ca };
    const control = { key: api.context.identity.key, cert: api.context.identity.certificate, ca };
    for (const [method, path] of ROUTES) {
      for (const identity of [{ ca }, foreign, tls, control])
        expect(code(await ask(url, identity, method, `/device/v1${path}`)), path).toEqual([
          403,
          'noCertificate',
        ]);
    }
    await rm(directory, { recursive: true });
    await expect(ask(url, { ca: other.certificate }, 'GET', '/device/v1/placements')).rejects.toThrow();
  });

  it('take heartbeats; a silent device is unreachable and comes back by itself, cordoned as it was', async () => {
    const { db } = api.context;
    const { deviceId, tls } = await joinAs('edge');
    await api.call('POST', '/devices/edge/approve');
    await api.call('POST', '/devices/edge/cordon');
    const state = async () => (await api.call('GET', '/devices/edge')).body.state;
    await db.update(deviceTable).set({ lastHeartbeatAt: new Date(Date.now() - 7000) });
    expect(await markUnreachable(db)).toEqual([]);
    await db.update(deviceTable).set({ lastHeartbeatAt: new Date(Date.now() - 9000) });
    expect(await markUnreachable(db)).toEqual([deviceId]);
    expect(await markUnreachable(db)).toEqual([]);
    expect(await state()).toBe('unreachable');
    const body = { inventory: makeInventory({ memoryAvailableBytes: 12345 }), computes: [] };
    expect((await ask(url, tls, 'POST', '/device/v1/heartbeat', body)).body).toEqual({
      outdated: [],
      network: anyString,
    });
    expect(await state()).toBe('cordoned');
    expect((await getDevice(db, deviceId)).inventory.memoryAvailableBytes).toBe(12345);
  });

  it('tell of the network as a whole, and with every heartbeat of which version it is', async () => {
    const { db } = api.context;
    const { tls } = await joinAs('edge');
    const read = async () =>
      networkRulesSchema.parse((await ask(url, tls, 'GET', '/device/v1/network')).body);
    const nothing = await read();
    expect(nothing).toMatchObject({ computes: [], ports: [], gateway: null, devices: ['127.0.0.1'] });
    const mine = await makeCompute(db, { ports: [{ protocol: 'tcp', host: 8080, compute: 80 }] });
    const owner = id('user');
    await createAccount(db, { id: owner, email: 'b@example.org', passwordHash: '', role: 'user' });
    const { id: tenantId } = await createTenant(db, { id: id('tenant'), name: 'other', owner });
    const other = await makeCompute(db, { tenantId });
    const { computes, ports, version } = await read();
    expect(computes.map(({ ip }) => ip)).toEqual([mine, other].map(({ spec }) => spec.address.ip));
    expect(new Set(computes.map(({ tenant }) => tenant)).size, 'two tenants, two numbers').toBe(2);
    expect(ports).toEqual([{ protocol: 'tcp', host: 8080, compute: 80, ip: mine.spec.address.ip }]);
    expect(version).not.toBe(nothing.version);
    expect((await read()).version, 'of one content').toBe(version);
    const body = { inventory: makeInventory(), computes: [] };
    const told = async () => (await ask(url, tls, 'POST', '/device/v1/heartbeat', body)).body.network;
    await until('the version to be told', 5000, async () => (await told()) === version);
    await removeCompute(db, mine.id);
    expect(await read()).toMatchObject({ computes: [{ ip: other.spec.address.ip }], ports: [] });
  });

  it('let a device ask and report as what it is in a transfer, and as nothing else', async () => {
    const { db } = api.context;
    const source = await joinAs('source');
    const target = await joinAs('target');
    const other = await joinAs('other');
    const compute = await makeCompute(db, { deviceId: source.deviceId });
    const migrationId = id('migration');
    const move = {
      migrationId,
      group: compute.groupId,
      source: source.deviceId,
      target: target.deviceId,
      epoch: 2,
    };
    await createMigration(db, { ...move, id: migrationId, compute: compute.id, workflowId: compute.id });
    const transfer = transferId();
    await openTransfer(db, { ...move, id: transfer });
    const placements = (await ask(url, source.tls, 'GET', '/device/v1/placements')).body;
    expect(placements.items).toMatchObject([
      {
        group: compute.groupId,
        epoch: 1,
        desired: 'running',
        transfer: { id: transfer, role: 'source', source: source.deviceId, target: target.deviceId },
      },
    ]);
    expect((await ask(url, target.tls, 'GET', '/device/v1/placements')).body).toEqual({ items: [] });
    expect((await ask(url, target.tls, 'GET', `/device/v1/peers/${source.deviceId}`)).body).toMatchObject({
      id: source.deviceId,
      linkAddress: inventory.linkAddress,
    });

    const path = `/device/v1/transfers/${transfer}`;
    const notYourself = [403, 'notYourself'];
    expect(code(await ask(url, other.tls, 'POST', `${path}/ask`, { role: 'target', wants: 'go' }))).toEqual(
      notYourself,
    );
    expect(code(await ask(url, source.tls, 'POST', `${path}/ask`, { role: 'target', wants: 'go' }))).toEqual(
      notYourself,
    );
    expect(
      code(await ask(url, target.tls, 'POST', `${path}/ask`, { role: 'source', wants: 'abort' })),
    ).toEqual(notYourself);
    expect(code(await ask(url, source.tls, 'POST', `${path}/report`, { outcome: 'owner' }))).toEqual(
      notYourself,
    );
    expect(code(await ask(url, target.tls, 'POST', `${path}/report`, { outcome: 'thawed' }))).toEqual(
      notYourself,
    );
    expect(
      code(
        await ask(url, target.tls, 'POST', `/device/v1/transfers/${transferId()}/ask`, {
          role: 'target',
          wants: 'go',
        }),
      ),
    ).toEqual([404, 'unknownTransfer']);
    expect((await ask(url, target.tls, 'POST', `${path}/ask`, { role: 'target', wants: 'go' })).body).toEqual(
      { verdict: 'go', closed: false, outcome: null },
    );
    expect(
      (await ask(url, source.tls, 'POST', `${path}/ask`, { role: 'source', wants: 'abort' })).body,
    ).toEqual({ verdict: 'go', closed: false, outcome: null });
    for (const outcome of ['owner', 'owner'])
      expect((await ask(url, target.tls, 'POST', `${path}/report`, { outcome })).body).toEqual({});
    expect(await getPlacement(db, compute.groupId)).toMatchObject({
      deviceId: target.deviceId,
      epoch: 2,
      transferId: null,
    });
    expect((await ask(url, source.tls, 'POST', `${path}/report`, { outcome: 'released' })).body).toEqual({});
    expect(code(await ask(url, target.tls, 'POST', `${path}/report`, { outcome: 'discarded' }))).toEqual([
      409,
      'transferContradiction',
    ]);
  });

  it("take exits from a compute's owner only", async () => {
    const { db } = api.context;
    const owner = await joinAs('owner');
    const other = await joinAs('other');
    const compute = await makeCompute(db, { deviceId: owner.deviceId });
    const exit = (tls: TlsIdentity, over: object) =>
      ask(url, tls, 'POST', '/device/v1/exits', {
        computeId: compute.id,
        exitCode: 3,
        restarting: false,
        restarts: 0,
        ...over,
      });
    expect((await exit(other.tls, {})).status).toBe(200);
    expect((await getCompute(db, compute.id)).state).toBe('running');
    await exit(owner.tls, { restarting: true, restarts: 1 });
    expect(await getCompute(db, compute.id)).toMatchObject({
      state: 'running',
      restarts: 1,
      exitCode: 3,
      desired: 'running',
    });
    await exit(owner.tls, { exitCode: 4, restarts: 2 });
    expect(await getCompute(db, compute.id)).toMatchObject({
      state: 'stopped',
      exitCode: 4,
      desired: 'stopped',
    });
  });

  it("take a compute's health and limits from its owner only, and tell health to the next device", async () => {
    const { db } = api.context;
    const owner = await joinAs('owner');
    const other = await joinAs('other');
    const compute = await makeCompute(db, { deviceId: owner.deviceId });
    const tell = (tls: TlsIdentity, state: string) =>
      ask(url, tls, 'POST', '/device/v1/health', { computeId: compute.id, state, reason: 'x' });
    const show = async () => (await api.call('GET', `/computes/${compute.id}`)).body;
    await tell(other.tls, 'unhealthy');
    expect(await show()).toMatchObject({ health: null, observed: { state: 'unknown', limits: null } });
    await tell(owner.tls, 'healthy');
    await tell(owner.tls, 'healthy');
    expect(await show()).toMatchObject({ health: { state: 'healthy', reason: 'x' } });
    const placements = (await ask(url, owner.tls, 'GET', '/device/v1/placements')).body;
    expect(placements.items).toMatchObject([{ health: { state: 'healthy' } }]);
    const events = (await eventsOf(db, compute.id)).map(({ type }) => type);
    expect(events.filter((type) => type === 'compute.healthy')).toHaveLength(1);

    const limits = { memoryBytes: 1024, cpus: 0.5, pids: 10 };
    const beat = (tls: TlsIdentity, computes: object[]) =>
      ask(url, tls, 'POST', '/device/v1/heartbeat', { inventory, computes });
    await beat(owner.tls, [{ id: compute.id, epoch: 1, running: true, limits }]);
    await beat(other.tls, [{ id: compute.id, epoch: 1, running: false }]);
    expect(await show()).toMatchObject({
      observed: { state: 'running', limits, at: expect.any(String) as string },
    });
    await beat(owner.tls, []);
    expect(await show()).toMatchObject({ observed: { state: 'absent', limits: null } });

    const at = '2026-03-01T12:00:00.000Z';
    await ask(url, owner.tls, 'POST', '/device/v1/exits', {
      ...{ computeId: compute.id, exitCode: 137, restarting: false, restarts: 0, at, oom: true },
    });
    expect(await show()).toMatchObject({
      ...{ state: 'stopped', health: null, lastExit: { code: 137, at, oom: true } },
      reason: expect.stringContaining('more memory than its limit') as string,
    });
    await tell(owner.tls, 'healthy');
    expect(await show()).toMatchObject({ health: null });
  });

  it('believe a heartbeat of the owner, with the right epoch, that a compute runs again', async () => {
    const { db } = api.context;
    const owner = await joinAs('owner');
    const compute = await makeCompute(db, { deviceId: owner.deviceId });
    await setComputeState(db, compute.id, 'lost');
    const beat = (epoch: number) =>
      ask(url, owner.tls, 'POST', '/device/v1/heartbeat', {
        inventory,
        computes: [{ id: compute.id, epoch, running: true }],
      });
    await beat(0);
    expect((await getCompute(db, compute.id)).state).toBe('lost');
    await setDesired(db, compute.id, 'stopped');
    await beat(1);
    expect((await getCompute(db, compute.id)).state).toBe('lost');
    await setDesired(db, compute.id, 'running');
    await beat(1);
    expect((await getCompute(db, compute.id)).state).toBe('running');
  });

  it('give an image to the device on which a compute of it is placed, or to which it moves, and to no other', async () => {
    const { db } = api.context;
    const owner = await joinAs('owner');
    const target = await joinAs('target');
    const compute = await makeCompute(db, { deviceId: owner.deviceId });
    const { id: imageId, digest } = compute.spec.image;
    await writeFile(archivePath(api.dataDir, digest), 'x'.repeat(1024));
    const unknown = [404, 'unknownImage'];
    const gets = async (tls: TlsIdentity, name = imageId) => {
      const answer = await ask(url, tls, 'GET', `/device/v1/images/${name}/archive`);
      const sources = await ask(url, tls, 'GET', `/device/v1/images/${name}/sources`);
      expect(sources.status).toBe(answer.status);
      return answer.status === 200 ? answer.text.length : code(answer);
    };
    for (const name of [imageId, digest]) {
      expect(await gets(owner.tls, name)).toBe(1024);
      expect(await gets(target.tls, name)).toEqual(unknown);
    }
    const migrationId = id('migration');
    const ends = { source: owner.deviceId, target: target.deviceId };
    await createMigration(db, {
      ...{ id: migrationId, group: compute.groupId, compute: compute.id, epoch: 2, workflowId: compute.id },
      ...ends,
    });
    expect(await gets(target.tls)).toBe(1024);
    await finishMigration(db, migrationId, {
      ...{ state: 'aborted', reason: '', causes: [], frozenMs: null, wireBytes: 0, totalMs: 1 },
    });
    expect(await gets(target.tls)).toEqual(unknown);
    await rm(archivePath(api.dataDir, digest));
    expect(code(await ask(url, owner.tls, 'GET', `/device/v1/images/${imageId}/archive`))).toEqual([
      410,
      'archiveGone',
    ]);
    await removeCompute(db, compute.id);
    expect(await gets(owner.tls)).toEqual(unknown);
    expect(await gets(owner.tls, 'img_000000000000')).toEqual(unknown);
  });

  it('name the peers that have an image to who may have it, and let these ask who it is', async () => {
    const { db } = api.context;
    const [owner, peer, other] = [await joinAs('owner'), await joinAs('peer'), await joinAs('other')];
    for (const name of ['owner', 'peer', 'other']) await api.call('POST', `/devices/${name}/approve`);
    const { id: imageId, digest } = (await makeCompute(db, { deviceId: owner.deviceId })).spec.image;
    const tell = (tls: TlsIdentity, digests: string[]) =>
      ask(url, tls, 'POST', '/device/v1/images', { digests });
    const peers = async () =>
      (await ask(url, owner.tls, 'GET', `/device/v1/images/${imageId}/sources`)).body as unknown as {
        peers: { id: string }[];
      };
    const mayHave = async (asking: TlsIdentity, device: string) => {
      const answer = await ask(url, asking, 'POST', `/device/v1/images/${imageId}/requests`, { device });
      return answer.status === 200 ? answer.body : code(answer);
    };
    expect((await peers()).peers).toEqual([]);
    const elsewhere = `sha256:${'e'.repeat(64)}`;
    for (const { tls } of [owner, peer]) expect((await tell(tls, [digest, elsewhere])).status).toBe(200);
    expect((await peers()).peers).toEqual([{ id: peer.deviceId, linkAddress: inventory.linkAddress }]);
    expect(await mayHave(peer.tls, owner.deviceId)).toEqual({ digest });
    const unknown = [404, 'unknownImage'];
    expect(await mayHave(peer.tls, other.deviceId)).toEqual(unknown);
    // Who has not got it learns nothing of it.
    expect(await mayHave(other.tls, owner.deviceId)).toEqual(unknown);
    await tell(peer.tls, [elsewhere]);
    expect((await peers()).peers).toEqual([]);
    expect(await mayHave(peer.tls, owner.deviceId)).toEqual(unknown);
  });
});

describe('the authority', () => {
  it('is made once, also by several processes at once, and only its owner may read it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'drayage-pki-'));
    const opened = await Promise.all([1, 2, 3].map(() => openAuthority(join(directory, 'pki'))));
    expect(new Set(opened.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect((await stat(join(directory, 'pki'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, 'pki', 'ca.json'))).mode & 0o777).toBe(0o600);
    await rm(directory, { recursive: true });
  });
});

describe('what is refused to a device', () => {
  const HOUR = 3_600_000;
  const entries = async () => (await listAudit(api.context.db, null, { limit: 50 })).items;
  const joinWith = async (over: object, tls: TlsIdentity = { ca }) => {
    const { csr } = await makeRequest();
    const body = { token: await newToken(), csr, name: 'edge', inventory, ...over };
    return ask(url, tls, 'POST', '/device/v1/join', body);
  };

  it('is written down with who, from where and why; so is who was let in', async () => {
    const { deviceId } = await joinAs('taken');
    await joinAs('expired');
    const token = await newToken();
    await api.context.db.update(joinTokenTable).set({ expiresAt: new Date(Date.now() - 1000) });
    expect(code(await joinWith({ token, name: 'late' }))).toEqual([401, 'joinTokenRefused']);
    expect(code(await joinWith({ name: 'taken' }))).toEqual([409, 'nameTaken']);
    const written = (await entries()).filter(({ action }) => action === 'POST /device/v1/join');
    expect(
      written.map(({ subject, status, causes, address }) => ({ subject, status, causes, address })),
    ).toEqual([
      { subject: 'taken', status: 409, causes: ['nameTaken'], address: '127.0.0.1' },
      { subject: 'late', status: 401, causes: ['joinTokenRefused'], address: '127.0.0.1' },
      { subject: 'expired', status: 200, causes: [], address: '127.0.0.1' },
      { subject: 'taken', status: 200, causes: [], address: '127.0.0.1' },
    ]);
    expect((await getDevice(api.context.db, 'taken')).id).toBe(deviceId);
  });

  it('is written down once, however often it is asked for', async () => {
    const { tls, deviceId } = await joinAs('gone');
    await retireDevice(api.context.db, deviceId);
    for (let count = 0; count < 5; count += 1)
      expect(code(await ask(url, tls, 'GET', '/device/v1/placements'))).toEqual([403, 'noCertificate']);
    expect(await ask(url, tls, 'POST', '/device/v1/heartbeat', { inventory, computes: [] })).toMatchObject({
      status: 403,
    });
    const written = (await entries()).filter(({ causes }) => causes.includes('noCertificate'));
    expect(written.map(({ action, subject }) => [action, subject])).toEqual([
      ['POST /device/v1/heartbeat', deviceId],
      ['GET /device/v1/placements', deviceId],
    ]);
  });

  it("is to be another device: its key, its id in a body or a request, and its place in another's move", async () => {
    const { db } = api.context;
    const victim = await joinAs('victim');
    const thief = await joinAs('thief');
    // Its key, with a token of its own: a disk that was copied.
    const again = await joinWith({ csr: victim.csr, name: 'copy' });
    expect(code(again)).toEqual([409, 'keyInUse']);
    expect(again.body.causes[0]!.mend).toContain('--new-key');
    const renewed = await ask(url, thief.tls, 'POST', '/device/v1/renewal', { csr: victim.csr });
    expect(code(renewed)).toEqual([409, 'keyInUse']);
    // Its id: whoever asks is who the connection proves.
    const { csr } = await makeRequest(`CN=${victim.deviceId}`);
    const own = await ask(url, thief.tls, 'POST', '/device/v1/renewal', { csr, deviceId: victim.deviceId });
    expect(new X509Certificate(own.body.certificate).subject).toBe(`CN=${thief.deviceId}`);
    const before = (await getDevice(db, victim.deviceId)).lastHeartbeatAt;
    const beat = { inventory, computes: [], id: victim.deviceId, deviceId: victim.deviceId };
    await ask(url, thief.tls, 'POST', '/device/v1/heartbeat', beat);
    expect((await getDevice(db, victim.deviceId)).lastHeartbeatAt).toEqual(before);
    expect((await ask(url, victim.tls, 'GET', '/device/v1/placements')).status).toBe(200);
    const causes = (await entries()).flatMap((entry) => entry.causes);
    expect(causes.filter((cause) => cause === 'keyInUse')).toHaveLength(2);
  });

  it.each([
    ['ahead', HOUR, '60 minutes ahead of'],
    ['behind', -HOUR, '60 minutes behind'],
  ])('is to join with a clock that is an hour %s', async (_way, offset, words) => {
    const answer = await joinWith({ clock: Date.now() + offset });
    expect(code(answer)).toEqual([409, 'clockWrong']);
    expect(answer.body.causes[0]).toMatchObject({
      message: containing(words),
      mend: containing('timedatectl'),
    });
    expect((await api.call('GET', '/devices')).body.items).toEqual([]);
    expect((await entries())[0]).toMatchObject({ subject: 'edge', status: 409, causes: ['clockWrong'] });
    // The token still serves, once the clock is right.
    const token = await newToken();
    expect(code(await joinWith({ token, clock: Date.now() + offset }))).toEqual([409, 'clockWrong']);
    expect((await joinWith({ token, clock: Date.now() })).status).toBe(200);
  });

  it('is not its life: a clock that goes wrong later is shown and written down once, until it is right', async () => {
    const { deviceId, tls } = await joinAs('edge');
    const beat = (offset: number) =>
      ask(url, tls, 'POST', '/device/v1/heartbeat', { inventory, computes: [], clock: Date.now() + offset });
    const causes = async () => (await api.call('GET', '/devices/edge')).body.causes.map(({ code }) => code);
    for (const offset of [0, HOUR, HOUR + 1000]) expect((await beat(offset)).status).toBe(200);
    expect(await causes()).toEqual(['clockWrong']);
    const { csr } = await makeRequest();
    const renewal = { csr, clock: Date.now() + HOUR };
    expect(code(await ask(url, tls, 'POST', '/device/v1/renewal', renewal))).toEqual([409, 'clockWrong']);
    await beat(1000);
    expect(await causes()).toEqual([]);
    expect((await eventsOf(api.context.db, deviceId)).map(({ type }) => type)).toEqual([
      'device.joined',
      'device.clockWrong',
      'device.clockRight',
    ]);
    const written = (await entries()).filter((entry) => entry.causes.includes('clockWrong'));
    expect(written.map(({ action, status }) => [action, status])).toEqual([
      ['POST /device/v1/renewal', 409],
      ['POST /device/v1/heartbeat', 200],
    ]);
  });
});
