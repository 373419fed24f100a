import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openAuthority, type Authority } from '../../api/pki/authority.ts';
import { DrayageError } from '../../core/cause.ts';
import { newCertificateRequest } from '../../device/control/identityStore.ts';
import type { Engine } from '../../device/engine/types.ts';
import { ImageFetcher } from '../../device/images/imageFetcher.ts';
import { ImageServer } from '../../device/images/imageServer.ts';
import type { Identity } from '../../device/link/identity.ts';
import { LinkServer } from '../../device/link/linkServer.ts';
import { saveOf } from './support/tar.ts';
import { LIFE_SECONDS } from './support/tls.ts';

const HOLDER = 'dev_000000000001';
const ASKER = 'dev_000000000002';
const IMAGE = 'img_000000000001';

let directory: string;
let authority: Authority;
let server: LinkServer;
let linkAddress: string;
let archive: Buffer;
let digest: string;
let layer: string;
/** Devices that the control plane lets have the image. */
let allowed: string[];
/** What has come to the asker's engine. */
let loaded: Buffer[];
let held: { digest: string; layers: string[] }[];
let told: string[][];

async function identity(deviceId: string): Promise<Identity> {
  const { key, csr } = await newCertificateRequest('anything');
  const { certificate } = await authority.signRequest(csr, deviceId, LIFE_SECONDS);
  return { deviceId, key, certificate, ca: authority.certificate };
}

/** An engine with one image, which says what a real one would of an archive that is cut off. */
const holder: Pick<Engine, 'hasImage' | 'saveImage'> = {
  hasImage: async (asked) => asked === digest,
  saveImage: async () => Readable.from([archive], { objectMode: false }),
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'peers-'));
  authority = await openAuthority(directory);
  ({ archive, digest } = await saveOf(({ members, manifest, config }) => {
    const content = members[0]!.content as Buffer;
    layer = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    members[0]!.name = `blobs/sha256/${layer.slice(7)}`;
    manifest[0]!['Layers'] = [members[0]!.name];
    config['os'] = 'linux';
  }));
});
afterAll(() => rm(directory, { recursive: true }));

beforeEach(async () => {
  [allowed, loaded, held, told] = [[ASKER], [], [], []];
  const images = new ImageServer({
    engine: holder,
    allowedImage: async (id, device) => {
      if (id === IMAGE && allowed.includes(device)) return digest;
      throw new DrayageError({ code: 'unknownImage', message: 'There is none.', mend: '' });
    },
  });
  server = new LinkServer(await identity(HOLDER), {
    allows: async () => true,
    device: async (request) => {
      if (!(await images.serve(request))) request.stream.close();
    },
    control: async (_request, response) => void response.end(),
    controlUpgrade: (_request, socket) => socket.destroy(),
    log: () => undefined,
  });
  linkAddress = `127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
});
afterEach(() => server.close());

async function fetcher(peers: string[] = [linkAddress]): Promise<ImageFetcher> {
  const own = await identity(ASKER);
  return new ImageFetcher({
    engine: {
      loadImage: async (from) => void loaded.push(await buffer(from)),
      listImages: async () => held,
    },
    control: {
      imageSources: async () => ({
        layers: [layer],
        peers: peers.map((address) => ({ id: HOLDER, linkAddress: address })),
      }),
      imageArchive: async () => {
        throw new DrayageError({ code: 'archiveGone', message: 'It is gone.', mend: '' });
      },
      holdsImages: async (digests) => void told.push(digests),
    },
    identity: () => own,
    log: () => undefined,
  });
}

const fetchIt = async (peers?: string[]) =>
  (await fetcher(peers)).fetch({ id: IMAGE, digest }, (from) => from);

test('a peer gives an image when the control plane has not got it, and it comes whole', async () => {
  await fetchIt();
  expect(loaded).toHaveLength(1);
  expect(loaded[0]!.includes(layer.slice(7))).toBe(true);
  expect(loaded[0]!.length).toBeGreaterThan(archive.length / 2);
  // What has come is told.
  expect(told).toEqual([[]]);
});

test('the layer that is there is not sent', async () => {
  held = [{ digest: `sha256:${'0'.repeat(64)}`, layers: [layer] }];
  await fetchIt();
  expect(loaded).toHaveLength(1);
  expect(loaded[0]!.includes('echo hi')).toBe(false);
  held = [];
  await fetchIt();
  expect(loaded[1]!.includes('echo hi')).toBe(true);
});

test('a peer gives it to nobody whom the control plane does not let have it', async () => {
  allowed = [HOLDER];
  await expect(fetchIt()).rejects.toMatchObject({ cause_: { code: 'archiveGone' } });
  expect([loaded, told]).toEqual([[], []]);
});

test('a peer that cannot be reached is passed over', async () => {
  await fetchIt(['127.0.0.1:1', linkAddress]);
  expect(loaded).toHaveLength(1);
});
