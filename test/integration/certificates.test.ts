import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthority } from '../../api/pki/authority.ts';
import { BACKDATED_MS } from '../../core/decideRenewal.ts';
import { until } from '../../core/until.ts';
import { listAudit } from '../../db/audit.ts';
import { getDevice, retireDevice } from '../../db/devices.ts';
import { createMigration, finishMigration } from '../../db/migrationRecords.ts';
import { device as deviceTable } from '../../db/schema/index.ts';
import { ControlClient } from '../../device/control/controlClient.ts';
import { readIdentity, type StoredIdentity } from '../../device/control/identityStore.ts';
import { joinControlPlane } from '../../device/control/joinControlPlane.ts';
import { LiveIdentity } from '../../device/control/liveIdentity.ts';
import { renewCertificate } from '../../device/control/renewCertificate.ts';
import { fingerprintOfKey } from '../../device/control/waitingKey.ts';
import { Renewals } from '../../workers/node/renewals.ts';
import { useApi } from './support/api.ts';
import { id, makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';
import { ask, LIFE_SECONDS, makeRequest, type TlsIdentity } from './support/tls.ts';

/** The device's own side of a renewal, against the real device API. */
const api = useApi();
const inventory = makeInventory();
const silent = { info: () => undefined, warn: () => undefined };
let url = '';
let stateDir = '';
const closers: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
  stateDir = await mkdtemp(join(tmpdir(), 'drayage-device-'));
  api.context.config.deviceCertificateSeconds = LIFE_SECONDS;
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await rm(stateDir, { recursive: true, force: true });
});

const code = (answer: { status: number; body: { causes?: { code: string }[] } | null }) => [
  answer.status,
  answer.body?.causes?.[0]?.code,
];
const tlsOf = ({ key, certificate, ca }: StoredIdentity): TlsIdentity => ({ key, cert: certificate, ca });
const placements = async (identity: StoredIdentity) =>
  code(await ask(url, tlsOf(identity), 'GET', '/device/v1/placements'));
const GOOD = [200, undefined];
const NOBODY = [403, 'noCertificate'];

interface TestDevice {
  live: LiveIdentity;
  control: ControlClient;
  /** A sign of life, as the worker gives it. */
  beat: () => Promise<unknown>;
}

async function joined(name = 'edge'): Promise<TestDevice> {
  const { token } = (await api.call('POST', '/devices/tokens', {})).body;
  const live = new LiveIdentity(
    stateDir,
    await joinControlPlane({ controlUrl: url, token, name, inventory }),
  );
  await live.keep(live.current);
  const control = new ControlClient(url, live.current);
  live.onChange((renewed) => control.use(renewed));
  closers.push(() => control.close());
  return { live, control, beat: () => control.heartbeat(inventory, []) };
}

/** As the device has it on its disk. */
const stored = async () => (await readIdentity(stateDir))!;
const refusals = async () => (await listAudit(api.context.db, null, { limit: 50 })).items;

describe('a device', () => {
  it('gets a certificate for as long as the control plane was told', async () => {
    const { live } = await joined();
    const { validFrom, validTo } = new X509Certificate(live.current.certificate);
    expect(Date.parse(validTo) - Date.parse(validFrom) - BACKDATED_MS).toBe(LIFE_SECONDS * 1000);
  });

  it('renews its certificate, with a new key; the old one is worth nothing once the new one was seen', async () => {
    const { live, control, beat } = await joined();
    const old = live.current;
    await beat();
    await renewCertificate(live, control);
    expect(await stored()).toEqual(live.current);
    expect((await stat(join(stateDir, 'identity.json'))).mode & 0o777).toBe(0o600);
    expect(live.current).toEqual({ ...old, key: live.current.key, certificate: live.current.certificate });
    expect(live.current.key).not.toBe(old.key);
    // Whatever was under way with the old one when it was renewed is still taken.
    expect([await placements(old), await placements(live.current)]).toEqual([GOOD, GOOD]);
    await beat();
    expect([await placements(old), await placements(live.current)]).toEqual([NOBODY, GOOD]);
    expect((await api.call('GET', '/devices/edge')).body.keyFingerprint).toBe(
      fingerprintOfKey(live.current.key),
    );
    const [refused, renewed] = await refusals();
    expect(renewed).toMatchObject({ action: 'POST /device/v1/renewal', subject: old.deviceId, status: 200 });
    expect(refused).toMatchObject({ subject: old.deviceId, status: 403, causes: ['noCertificate'] });
  });

  it('asks with the same key again after an answer that was lost, also when its worker was killed meanwhile', async () => {
    const { live, control, beat } = await joined();
    const asked: string[] = [];
    const lost = {
      renew: async (csr: string) => {
        asked.push(csr);
        await control.renew(csr);
        throw new Error('lost');
      },
    };
    await expect(renewCertificate(live, lost)).rejects.toThrow('lost');
    await beat();
    expect(await placements(live.current)).toEqual(GOOD);
    const again = new LiveIdentity(stateDir, await stored());
    again.onChange((renewed) => control.use(renewed));
    await renewCertificate(again, { renew: (csr) => (asked.push(csr), control.renew(csr)) });
    await beat();
    expect(new Set(asked).size).toBe(1);
    // An old request that arrives late takes nothing away.
    await control.renew(asked[0]!);
    expect(await placements(again.current)).toEqual(GOOD);
    expect(await placements(live.current)).toEqual(NOBODY);
  });

  it('is known by its newer certificate to a database of an older backup', async () => {
    const { db } = api.context;
    const { live, control, beat } = await joined();
    const old = live.current;
    const { publicKeyHash, certifiedAt } = await getDevice(db, old.deviceId);
    for (let count = 0; count < 2; count += 1) {
      await renewCertificate(live, control);
      await beat();
    }
    await db.update(deviceTable).set({ publicKeyHash, certifiedAt });
    expect(await placements(live.current)).toEqual(GOOD);
    await beat();
    expect([await placements(old), await placements(live.current)]).toEqual([NOBODY, GOOD]);
  });

  it('is refused with a certificate that has run out, and gets a new one by its key', async () => {
    const { authority } = api.context;
    const { live, control, beat } = await joined();
    let sent = '';
    await renewCertificate(live, { renew: (csr) => control.renew((sent = csr)) });
    await beat();
    const { deviceId, ca } = live.current;
    const expired = async (csr: string, key: string): Promise<TlsIdentity> => {
      const { certificate } = await authority.signRequest(csr, deviceId, -1);
      return { key, cert: certificate, ca };
    };
    const next = await makeRequest();
    const renew = (tls: TlsIdentity) => ask(url, tls, 'POST', '/device/v1/renewal', { csr: next.csr });
    const own = await expired(sent, live.current.key);
    expect(code(await ask(url, own, 'GET', '/device/v1/placements'))).toEqual([403, 'certificateExpired']);
    const [refused] = await refusals();
    expect(refused).toMatchObject({ subject: deviceId, causes: ['certificateExpired'] });
    // One that only says that our authority issued it is nobody's, also where it has run out.
    const forger = await openAuthority(join(stateDir, 'forger'));
    const forged = await forger.signRequest(next.csr, deviceId, -1, new Date(Date.now() + 60_000));
    const tls = { key: next.key, cert: `${forged.certificate}\n${ca}`, ca };
    expect(code(await ask(url, tls, 'GET', '/device/v1/placements'))).toEqual(NOBODY);
    expect(code(await renew(tls))).toEqual(NOBODY);
    expect((await renew(own)).status).toBe(200);
  });

  it('renews by itself when less than a third of the lifetime is left', async () => {
    api.context.config.deviceCertificateSeconds = 3;
    const { live, control } = await joined();
    const first = live.current.certificate;
    const renewals = new Renewals({ identity: live, control, log: silent });
    closers.push(() => renewals.close());
    renewals.start();
    await until('a new certificate', 20_000, () => Promise.resolve(live.current.certificate !== first), 50);
    expect(JSON.parse(await readFile(join(stateDir, 'identity.json'), 'utf8'))).toMatchObject({
      certificate: live.current.certificate,
    });
  });

  it('that was removed is refused whatever it has, also a renewal', async () => {
    const { live, control } = await joined();
    await retireDevice(api.context.db, live.current.deviceId);
    expect(await placements(live.current)).toEqual(NOBODY);
    await expect(renewCertificate(live, control)).rejects.toMatchObject({
      cause_: { code: 'noCertificate' },
    });
    const peer = await makeDevice(api.context.db);
    const asker = await joined('asker');
    await expect(asker.control.askPeer(live.current.deviceId)).rejects.toMatchObject({
      cause_: { code: 'unknownDevice' },
    });
    const { publicKeyHash: keyHash, certifiedAt } = peer;
    const certificate = { keyHash, issuedAt: certifiedAt.getTime() };
    expect((await asker.control.askPeer(peer.id)).certificate).toEqual(certificate);
  });

  it('is not removed while a compute moves to it', async () => {
    const { db } = api.context;
    const compute = await makeCompute(db);
    const target = (await makeDevice(db)).id;
    const migration = id('migration');
    const source = compute.placement!.deviceId;
    const move = { group: compute.groupId, compute: compute.id, source, target, epoch: 2, workflowId: 'w' };
    await createMigration(db, { id: migration, ...move });
    expect(code(await api.call('DELETE', `/devices/${target}`))).toEqual([409, 'deviceInUse']);
    await finishMigration(db, migration, { state: 'aborted', reason: 'so' });
    expect((await api.call('DELETE', `/devices/${target}`)).status).toBe(204);
  });
});
