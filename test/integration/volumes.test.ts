import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeCompute } from '../../db/computes.ts';
import { only } from '../../db/database.ts';
import { heartbeat } from '../../db/signsOfLife.ts';
import { handleVolumes } from '../../device/engine/volumeRoutes.ts';
import type { ContainerFacts } from '../../device/engine/types.ts';
import { causeOf as cause } from './support/answer.ts';
import { useApi } from './support/api.ts';
import { type FakeLink, startFakeLink } from './support/fakeLink.ts';
import { makeCompute, makeDevice, makeInventory } from './support/fixtures.ts';

const api = useApi();
let directory: string;
let link: FakeLink;
let computeId: string;
let id: string;

/** A device whose link has the real routes, and a compute on it whose volume is a folder of this machine. */
beforeEach(async () => {
  const { db, authority } = api.context;
  directory = await mkdtemp(join(tmpdir(), 'drayage-volume-'));
  await mkdir(join(directory, 'reports'));
  await writeFile(join(directory, 'reports', 'Umsätze 1.csv'), 'a,b\n');
  await symlink('/etc/passwd', join(directory, 'link'));
  const device = await makeDevice(db);
  const engine = {
    facts: (asked: string) =>
      Promise.resolve(
        asked === computeId
          ? ({ volumes: [{ name: 'data', directory }] } as unknown as ContainerFacts)
          : null,
      ),
  };
  link = await startFakeLink(authority, device.id, (request, response) => {
    void handleVolumes(engine, request, response).then((served) => served || response.writeHead(418).end());
  });
  await heartbeat(db, device.id, makeInventory({ linkAddress: link.address }));
  const volumes = [{ name: 'data', path: '/srv/data' }];
  const compute = await makeCompute(db, { name: 'web', deviceId: device.id, spec: { volumes } });
  computeId = compute.id;
  id = only((await api.call('GET', '/volumes')).body.items as { id: string }[]).id;
});
afterEach(async () => {
  await link.close();
  await rm(directory, { recursive: true, force: true });
});

describe('volumes', () => {
  it('are listed with their computes, and go with them', async () => {
    const { db } = api.context;
    await makeCompute(db, { spec: { volumes: [{ name: 'other', path: '/o' }] } });
    const one = { id, name: 'data', path: '/srv/data', compute: { id: computeId, name: 'web' } };
    expect((await api.call('GET', '/volumes')).body.items).toHaveLength(2);
    expect((await api.call('GET', '/volumes?compute=web')).body.items).toMatchObject([one]);
    expect((await api.call('GET', `/volumes/${id}`)).body).toMatchObject(one);
    expect(cause(await api.call('GET', '/volumes?compute=nobody'))).toEqual([404, 'unknownCompute']);
    await removeCompute(db, computeId);
    expect(cause(await api.call('GET', `/volumes/${id}`))).toEqual([404, 'unknownVolume']);
    expect((await api.call('GET', '/volumes')).body.items).toHaveLength(1);
  });

  it('show what is in their directories', async () => {
    const { body } = await api.call('GET', `/volumes/${id}/files`);
    expect(body).toMatchObject({
      truncated: false,
      entries: [
        { name: 'link', kind: 'link' },
        { name: 'reports', kind: 'directory' },
      ],
    });
    const path = encodeURIComponent('/reports');
    const inner = (await api.call('GET', `/volumes/${id}/files?path=${path}`)).body;
    expect(inner).toMatchObject({ entries: [{ name: 'Umsätze 1.csv', kind: 'file', bytes: 4 }] });
  });

  it('give their files as what they are, for a file of the reader', async () => {
    const path = encodeURIComponent('/reports/Umsätze 1.csv');
    const answer = await api.app.inject({
      url: `/api/v1/volumes/${id}/content?path=${path}`,
      headers: { authorization: `Bearer ${(await api.call('POST', '/tokens', { name: 'x' })).body.secret}` },
    });
    expect([answer.statusCode, answer.body]).toEqual([200, 'a,b\n']);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '4',
      'content-disposition': "attachment; filename*=UTF-8''Ums%C3%A4tze%201.csv",
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    ['content', '/../../etc/passwd', 400, 'invalid'],
    ['content', 'reports', 400, 'invalid'],
    ['content', '/link', 409, 'linkInPath'],
    ['content', '/reports', 409, 'notAFile'],
    ['files', '/nothing', 404, 'noSuchFile'],
    ['files', '/reports/Umsätze 1.csv', 409, 'notADirectory'],
  ])('refuse %s of %s with a cause', async (what, path, status, code) => {
    const url = `/volumes/${id}/${what}?path=${encodeURIComponent(path)}`;
    expect(cause(await api.call('GET', url))).toEqual([status, code]);
  });

  it('of a device that does not have them any more are not there; its own trouble is not told', async () => {
    const known = computeId;
    computeId = 'cmp_000000000000';
    expect(cause(await api.call('GET', `/volumes/${id}/files`))).toEqual([404, 'noSuchFile']);
    computeId = known;
    await rm(directory, { recursive: true });
    expect(cause(await api.call('GET', `/volumes/${id}/files`))).toEqual([502, 'linkFailed']);
  });
});
