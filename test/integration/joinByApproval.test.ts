import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDeviceApp } from '../../api/deviceApp.ts';
import { openAuthority } from '../../api/pki/authority.ts';
import { until } from '../../core/until.ts';
import { ControlClient } from '../../device/control/controlClient.ts';
import { readWaitingKey } from '../../device/control/waitingKey.ts';
import { readNodeConfig } from '../../workers/node/config.ts';
import { controlUrlOf, obtainIdentity } from '../../workers/node/obtainIdentity.ts';
import { useApi } from './support/api.ts';
import { makeInventory } from './support/fixtures.ts';

/** The device's own side, against the real device API; how it finds one is the lab's to show. */
const api = useApi();
const LOG_MS = 10_000;
let url = '';
let stateDir = '';
let stop = new AbortController();
let lines: { message: string; detail: Record<string, unknown> }[] = [];

beforeEach(async () => {
  url = await api.deviceApp.listen({ host: '127.0.0.1', port: 0 });
  stateDir = await mkdtemp(join(tmpdir(), 'drayage-device-'));
  stop = new AbortController();
  lines = [];
});
afterEach(async () => {
  stop.abort();
  await rm(stateDir, { recursive: true, force: true });
});

const settings = (controlUrl: string) =>
  readNodeConfig({
    DRAYAGE_STATE_DIR: stateDir,
    DRAYAGE_CONTROL_URL: controlUrl,
    DRAYAGE_JOIN_TOKEN: '',
    DRAYAGE_DEVICE_NAME: 'edge',
    DRAYAGE_LINK_LISTEN: '127.0.0.1:7444',
  });

function begin(controlUrl = url, endWhenRefused = false) {
  const write = (detail: object, message: string) => void lines.push({ message, detail: { ...detail } });
  const inventory = () => Promise.resolve(makeInventory());
  const log = { info: write, warn: write };
  return obtainIdentity(settings(controlUrl), inventory, log, stop.signal, endWhenRefused);
}

const says = (text: string) =>
  until(`the device to say ${text}`, LOG_MS, () => lines.find(({ message }) => message.includes(text)));
const devices = async () => (await api.call('GET', '/devices')).body.items;

describe('a device without identity and token', () => {
  it('waits for the approval, with the key that both sides show, and keeps what it gets', async () => {
    const joining = begin();
    const waiting = await says('compare the key');
    const [shown] = await devices();
    expect(shown).toMatchObject({ name: 'edge', state: 'discovered', id: waiting.detail['device'] });
    expect(waiting.detail['keyFingerprint']).toBe(
      (await api.call('GET', '/devices/edge')).body.keyFingerprint,
    );
    const pinned = await says('is pinned');
    expect(pinned.detail['authority']).toBe(api.context.authority.fingerprint);
    expect((await stat(join(stateDir, 'joining.json'))).mode & 0o777).toBe(0o600);
    await api.call('POST', '/devices/edge/approve');
    const identity = (await joining)!;
    expect(new X509Certificate(identity.certificate).subject).toBe(`CN=${shown!.id}`);
    expect(await readdir(stateDir)).toEqual(['identity.json']);
    expect(JSON.parse(await readFile(join(stateDir, 'identity.json'), 'utf8'))).toEqual(identity);
    expect(await begin()).toEqual(identity);
    const control = new ControlClient(controlUrlOf(settings(url), identity), identity);
    expect(await control.placements()).toEqual([]);
    control.close();
    // Whatever it waited for was said once.
    expect(new Set(lines.map((line) => JSON.stringify(line))).size).toBe(lines.length);
  });

  it('is the same device when it is started again meanwhile', async () => {
    const first = begin();
    await says('compare the key');
    stop.abort();
    expect(await first).toBeNull();
    stop = new AbortController();
    lines = [];
    const second = begin();
    await says('compare the key');
    expect(await devices()).toHaveLength(1);
    await api.call('POST', '/devices/edge/approve');
    expect((await second)?.deviceId).toBe((await devices())[0]!.id);
  });

  it('asks no control plane with another authority than the one that it learned first', async () => {
    const first = begin();
    await says('compare the key');
    stop.abort();
    await first;
    const pinned = await readWaitingKey(stateDir);
    const directory = await mkdtemp(join(tmpdir(), 'drayage-other-'));
    const authority = await openAuthority(directory);
    const other = await createDeviceApp({
      ...api.context,
      authority,
      identity: await authority.controlIdentity(['control']),
    });
    let asked = 0;
    other.server.on('request', () => (asked += 1));
    const otherUrl = await other.listen({ host: '127.0.0.1', port: 0 });
    stop = new AbortController();
    lines = [];
    const joining = begin(otherUrl);
    const refusal = await until('the device to refuse', LOG_MS, () =>
      lines.find(({ detail }) => detail['code'] === 'wrongAuthority'),
    );
    expect(refusal.detail['mend']).toContain('--new-key');
    expect(asked).toBe(0);
    expect(await readWaitingKey(stateDir)).toEqual(pinned);
    stop.abort();
    await joining;
    await other.close();
    await rm(directory, { recursive: true });
  });

  it("ends with the operator's no where a person waits for it", async () => {
    const joining = begin(url, true);
    const ended = joining.catch((error: unknown) => error);
    await says('compare the key');
    await api.call('DELETE', '/devices/edge');
    expect(await ended).toMatchObject({ cause_: { code: 'deviceRefused' } });
  });
});

describe("the worker's environment", () => {
  it.each([
    ['https://control:7443', 'drj_x', null],
    ['', '', null],
    ['https://control:7443', '', null],
    ['', 'drj_x', /not the address/],
    ['http://control:7443', '', /DRAYAGE_CONTROL_URL/],
  ])('with the address "%s" and the token "%s" is taken or refused', (controlUrl, token, cause) => {
    const read = () =>
      readNodeConfig({
        DRAYAGE_CONTROL_URL: controlUrl,
        DRAYAGE_JOIN_TOKEN: token,
        DRAYAGE_DEVICE_NAME: 'edge',
        DRAYAGE_LINK_LISTEN: '127.0.0.1:7444',
      });
    if (cause === null) expect(read().joinToken).toBe(token === '' ? undefined : token);
    else expect(read).toThrow(cause);
  });
});
