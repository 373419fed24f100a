import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import { quiet } from '../../core/archiveLayers.ts';
import { DrayageError } from '../../core/cause.ts';
import { chooseManifest, type RegistryManifest, wrongArchitecture } from '../../core/chooseManifest.ts';
import { type ImageConfig, imageConfigSchema, imageRefused, isBomb } from '../../core/imageArchive.ts';
import { imageTooLarge } from '../images/receive.ts';
import { uploadDirectory } from '../images/store.ts';
import type { RegistryClient } from './registryClient.ts';

type Layer = RegistryManifest['layers'][number];

export interface PulledArchive {
  /** Of the manifest whose image it is. */
  manifestDigest: string;
  /** In `docker save` form, as it comes. */
  archive: Readable;
}

/** Steps from an index to a manifest. */
const INDEXES_MAX = 2;

/**
 * Asks a registry for an image and makes a `docker save` archive of it, layer by layer: each lies unpacked on disk for as
 * long as it is put in. The archive fails with what goes wrong on the way.
 * @throws DrayageError wrongArchitecture and what `RegistryClient` throws
 */
export async function pullArchive(
  client: RegistryClient,
  name: string,
  architecture: string,
  store: { dataDir: string; maxBytes: number },
): Promise<PulledArchive> {
  const { manifest, digest } = await findManifest(client, name, architecture);
  const configBytes = await client.document(manifest.config.digest);
  const config = readConfig(configBytes, manifest);
  if (config.os !== 'linux' || config.architecture !== architecture)
    throw new DrayageError(wrongArchitecture([config.architecture], architecture));
  const tar = pack();
  fill(client, tar, { manifest, config, configBytes }, store).catch((error: unknown) => {
    tar.destroy(error as Error);
  });
  const archive = Readable.from(tar as AsyncIterable<Buffer>, { objectMode: false });
  return { manifestDigest: digest, archive };
}

async function findManifest(
  client: RegistryClient,
  name: string,
  architecture: string,
): Promise<{ manifest: RegistryManifest; digest: string }> {
  let asked = name;
  for (let steps = 0; steps < INDEXES_MAX; steps += 1) {
    const { digest, document } = await client.manifest(asked);
    const decision = chooseManifest(document, architecture);
    if (decision.action === 'take') return { manifest: decision.manifest, digest };
    if (decision.action === 'refuse') throw new DrayageError(decision.cause);
    asked = decision.digest;
  }
  throw damaged('An index of the image leads to another index.');
}

function readConfig(bytes: Buffer, { layers }: RegistryManifest): ImageConfig {
  try {
    const config = imageConfigSchema.parse(JSON.parse(bytes.toString('utf8')));
    if (config.rootfs.diff_ids.length === layers.length) return config;
  } catch {
    // Said below.
  }
  throw damaged("The image's configuration is none, or not that of its layers.");
}

async function fill(
  client: RegistryClient,
  tar: Pack,
  image: { manifest: RegistryManifest; config: ImageConfig; configBytes: Buffer },
  { dataDir, maxBytes }: { dataDir: string; maxBytes: number },
): Promise<void> {
  const { manifest, config, configBytes } = image;
  const fixed = { mode: 0o644, mtime: new Date(0) };
  const nameOf = (digest: string) => `blobs/sha256/${digest.slice('sha256:'.length)}`;
  quiet(tar.entry({ ...fixed, name: nameOf(manifest.config.digest) }, configBytes));
  const put = new Set<string>();
  let room = maxBytes;
  for (const [index, layer] of manifest.layers.entries()) {
    const diffId = config.rootfs.diff_ids[index] ?? '';
    // The same layer may occur twice.
    if (put.has(diffId)) continue;
    put.add(diffId);
    const path = join(uploadDirectory(dataDir), `${randomBytes(8).toString('hex')}.layer`);
    try {
      await unpackLayer(await client.blob(layer.digest), layer, path, room);
      const { size } = await stat(path);
      room -= size;
      const sink = quiet(tar.entry({ ...fixed, name: nameOf(diffId), size }));
      await pipeline(createReadStream(path), sink);
    } finally {
      await rm(path, { force: true });
    }
  }
  const saved = {
    Config: nameOf(manifest.config.digest),
    RepoTags: null,
    Layers: config.rootfs.diff_ids.map(nameOf),
  };
  quiet(tar.entry({ ...fixed, name: 'manifest.json' }, JSON.stringify([saved])));
  tar.finalize();
}

/** Writes a layer unpacked to a file; what came was what its digest says. @throws DrayageError damagedImage, archiveBomb, imageTooLarge */
async function unpackLayer(blob: Readable, layer: Layer, path: string, maxBytes: number): Promise<void> {
  const hash = createHash('sha256');
  let packed = 0;
  let plain = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      packed += chunk.length;
      hash.update(chunk);
      done(packed > layer.size ? damaged('A layer is larger than its manifest says.') : null, chunk);
    },
  });
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      plain += chunk.length;
      if (plain > maxBytes) done(imageTooLarge(maxBytes));
      else if (isBomb(packed, plain))
        done(
          imageRefused(
            'archiveBomb',
            'A layer of the image is made of next to nothing that fills a disk.',
            'Choose another image.',
          ),
        );
      else done(null, chunk);
    },
  });
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await pipeline([blob, counted, ...unpackers(layer.mediaType), guard, file]);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw /^(Z_|ZSTD_)/.test(code) ? damaged('A layer cannot be unpacked.') : cutOff(error);
  }
  if (`sha256:${hash.digest('hex')}` !== layer.digest) throw damaged('A layer is not what its digest says.');
}

function unpackers(mediaType: string): NodeJS.ReadWriteStream[] {
  if (mediaType.endsWith('zstd')) return [createZstdDecompress()];
  return mediaType.endsWith('gzip') ? [createGunzip()] : [];
}

/** A connection that ends in the middle of a layer may stand the next time. */
function cutOff(error: unknown): unknown {
  if (error instanceof DrayageError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') return error;
  return new DrayageError(
    {
      code: 'registryUnreachable',
      message: 'The connection to the registry ended in the middle of a layer.',
      mend: 'Try again.',
    },
    { cause: error, retryable: true },
  );
}

function damaged(message: string): DrayageError {
  return imageRefused('damagedImage', message, 'Ask whoever runs the registry; push the image anew.');
}
