import { expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import { linkIdentity, readIdentity, type StoredIdentity } from '../../device/control/identityStore.ts';
import { LinkClient } from '../../device/link/linkClient.ts';
import { fileOnDevice } from '../../lab/deviceProcess.ts';
import { labStatus } from '../../lab/status.ts';
import { ask } from '../integration/support/tls.ts';
import { END_MS } from '../lab/computeScene.ts';
import { withScene } from '../lab/migrationScene.ts';
import { withOwnLab } from '../lab/support.ts';

const LIFE_SECONDS = 20;
// The control plane of the lab takes it from here.
process.env['DRAYAGE_DEVICE_CERTIFICATE_SECONDS'] = String(LIFE_SECONDS);
/** One is renewed when between a third and a quarter of its life is left; a busy machine takes longer. */
const RENEWED_MS = 60_000;

const lab = withOwnLab('certs', {});
const scene = withScene(lab, 'certs');
const DEVICES = ['d1', 'd2'];

const identityOf = async (device: string) =>
  (await readIdentity(await fileOnDevice(lab.lab, device, '/var/lib/drayage')))!;
const identities = () => Promise.all(DEVICES.map(identityOf));
const pids = async () => {
  const { controlPlane, devices } = await labStatus(lab.lab);
  return { controlPlane, devices: devices.map(({ parts }) => parts) };
};

/** Waits until both devices show another certificate than these. */
async function renewed(before: StoredIdentity[]): Promise<StoredIdentity[]> {
  return until('both devices to renew', RENEWED_MS, async () => {
    const now = await identities();
    return now.every(({ certificate }, index) => certificate !== before[index]?.certificate) && now;
  });
}

const placements = async ({ key, certificate, ca }: StoredIdentity) => {
  const url = `https://${lab.lab.addresses.control}:7443`;
  return (await ask(url, { key, cert: certificate, ca }, 'GET', '/device/v1/placements')).status;
};
/** Whether a device is served on the other's link with this certificate. */
const linked = async (as: StoredIdentity, to: StoredIdentity, device: string) => {
  const peer = { id: to.deviceId, linkAddress: `${lab.lab.addresses.device(device)}:7444` };
  const link = await LinkClient.connect(linkIdentity(as), peer).catch(() => null);
  const answer = await link?.call('/v1/nothing', {}).catch((error: unknown) => String(error));
  link?.close();
  // It is served, and told that there is nothing.
  return String(answer).includes('404');
};

test(
  'certificates are renewed in the middle of moves: nothing is restarted, no connection is lost, and old ones are refused',
  async () => {
    const before = await pids();
    const first = await identities();
    // Frozen, with the offer on disk and the manifest not sent: both devices talk over connections that stand.
    const id = await scene.startUntil('d1', 'source.offered');
    const second = await renewed(first);
    await scene.faults.release('d1', 'source.offered');
    expect((await scene.ended(id)).state).toBe('succeeded');
    await scene.expectOneLiveCopy('d2');

    // And over new connections, with the certificates after those.
    await renewed(second);
    expect((await scene.ended(await scene.start('d1'))).state).toBe('succeeded');
    await scene.expectOneLiveCopy('d1');
    await scene.expectConnectionsKept();
    expect(await pids()).toEqual(before);

    const [d1, d2] = (await identities()) as [StoredIdentity, StoredIdentity];
    const [old] = second as [StoredIdentity];
    expect(await placements(d1)).toBe(200);
    expect(await placements(old)).toBe(403);
    expect(await linked(d1, d2, 'd2')).toBe(true);
    expect(await linked(old, d2, 'd2')).toBe(false);
  },
  4 * END_MS,
);

test(
  'a device that was removed is refused on the link, too',
  async () => {
    await scene.remove();
    const [d1, d2] = (await identities()) as [StoredIdentity, StoredIdentity];
    expect(await linked(d1, d2, 'd2')).toBe(true);
    await (await lab.api()).request('DELETE', `/devices/${d1.deviceId}`);
    await until('d2 to refuse it', RENEWED_MS, async () => !(await linked(d1, d2, 'd2')), 500);
    expect(await placements(d1)).toBe(403);
  },
  2 * END_MS,
);
