import { beforeEach, describe, expect, it } from 'vitest';
import { joinResponseSchema, selfEvacuationResponseSchema } from '../../core/deviceApi.ts';
import { listAudit } from '../../db/audit.ts';
import { getDevice } from '../../db/devices.ts';
import { endEvacuation, getEvacuation } from '../../db/evacuations.ts';
import { eventsOf } from '../../db/events.ts';
import { useApi } from './support/api.ts';
import { makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';
import { ask, makeRequest, type TlsIdentity } from './support/tls.ts';

const api = useApi();
const db = () => api.context.db;
let url = '';
let deviceId = '';
let tls: TlsIdentity;

beforeEach(async () => {
  url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
  const ca = api.context.authority.certificate;
  const { key, csr } = await makeRequest();
  const { token } = (await api.call('POST', '/devices/tokens', { expiresInSeconds: 60 })).body;
  const joining = { token, csr, name: 'd1', inventory: makeInventory() };
  const joined = joinResponseSchema.parse((await ask(url, { ca }, 'POST', '/device/v1/join', joining)).body);
  deviceId = joined.deviceId;
  tls = { key, cert: joined.certificate, ca };
});

const request = { cause: 'battery', deadlineSeconds: 300, detail: '9 % left' };
const evacuate = (body: object = request) => ask(url, tls, 'POST', '/device/v1/evacuation', body);
const evacuation = (answer: { body: unknown }) =>
  selfEvacuationResponseSchema.parse(answer.body).evacuation ?? expect.fail('there is no evacuation');

describe('a device that asks to be emptied', () => {
  beforeEach(async () => {
    await api.call('POST', '/devices/d1/approve');
  });

  it('is cordoned and emptied, and the record says that it asked, and why', async () => {
    await makeDevice(db(), { name: 'd2' });
    await makeCompute(db(), { name: 'one', deviceId });
    const { id, counts, deadlineAt, ended } = evacuation(await evacuate());
    expect({ waiting: counts.waiting, ended }).toEqual({ waiting: 1, ended: false });
    expect(Date.parse(deadlineAt ?? '') - Date.now()).toBeGreaterThan(200_000);
    expect((await getDevice(db(), 'd1')).state).toBe('draining');
    expect(await getEvacuation(db(), id)).toMatchObject({ deviceId, actor: deviceId });
    const asked = (await eventsOf(db(), id)).find(({ type }) => type === 'evacuation.asked');
    expect(asked).toMatchObject({
      actor: deviceId,
      message: 'The device itself asks to be emptied: its battery is low (9 % left).',
      data: { cause: 'battery' },
    });
    const audit = await listAudit(db(), null, { limit: 50 });
    expect(audit.items.map(({ action, subject }) => [action, subject])).toContainEqual([
      'POST /device/v1/evacuation',
      deviceId,
    ]);
  });

  it('is told of the same evacuation however often it asks, also twice at once', async () => {
    await makeDevice(db(), { name: 'd2' });
    await makeCompute(db(), { name: 'one', deviceId });
    const answers = await Promise.all([evacuate(), evacuate({ ...request, cause: 'shutdown' })]);
    const ids = new Set([...answers, await evacuate()].map((answer) => evacuation(answer).id));
    expect(ids.size).toBe(1);
  });

  it('is told how it ended, and stays cordoned until it is uncordoned', async () => {
    const { id } = evacuation(await evacuate());
    await db().transaction((tx) => endEvacuation(tx, id, 'succeeded', 'Nothing is left.'));
    const later = evacuation(await ask(url, tls, 'GET', '/device/v1/evacuation'));
    expect(later).toMatchObject({ id, state: 'succeeded', ended: true });
    expect((await getDevice(db(), 'd1')).state).toBe('drained');
  });
});

it('is refused to one that is not approved yet, and to who shows no certificate', async () => {
  expect((await evacuate()).status).toBe(409);
  const { ca } = tls;
  expect((await ask(url, { ca }, 'POST', '/device/v1/evacuation', request)).status).toBe(403);
  expect(
    selfEvacuationResponseSchema.parse((await ask(url, tls, 'GET', '/device/v1/evacuation')).body),
  ).toEqual({
    evacuation: null,
  });
});
