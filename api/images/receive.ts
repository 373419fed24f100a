import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { DrayageError } from '../../core/cause.ts';
import {
  imageConfigSchema,
  type ImageInfo,
  imageRefused,
  infoOfConfig,
  isBomb,
  readSaveArchive,
  rootFileSystemConfig,
  type RootFileSystemOptions,
} from '../../core/imageArchive.ts';
import { putInPlace } from '../putInPlace.ts';
import { scanTar, type ScannedTar } from './scanTar.ts';
import { archivePath, uploadDirectory } from './store.ts';
import { unzipped } from './unzipped.ts';
import { uploadError } from './uploadError.ts';

/** An image archive that was received and checked, and waits to be put in place. */
export interface ReceivedImage {
  digest: string;
  archiveHash: string;
  bytes: number;
  info: ImageInfo;
  /** Digests of the unpacked layers, the lowest first. */
  layers: string[];
  /** Puts the archive in its place, durably. */
  keep(): Promise<void>;
  /** Removes what was received; nothing after `keep`. */
  discard(): Promise<void>;
}

interface StoredFile {
  path: string;
  bytes: number;
  /** SHA-256, hex. */
  hash: string;
}

/**
 * Receives an image: a tar of `docker save` or of a root file system, gzipped or not. It is checked while it streams to
 * disk; memory does not grow with it. A root file system becomes a `docker save` archive that is the same on each import.
 * Nothing is left behind when it is refused.
 * @throws DrayageError notATar, truncated, unsafePath, noImage, severalImages, damagedImage, imageTooLarge
 */
export async function receiveImage(
  dataDir: string,
  body: Readable,
  options: RootFileSystemOptions,
  maxBytes: number,
): Promise<ReceivedImage> {
  const temporary = join(uploadDirectory(dataDir), randomBytes(8).toString('hex'));
  const layerPath = `${temporary}.layer`;
  try {
    const { scanned, file } = await receive(body, temporary, maxBytes);
    const described = scanned.hasManifest
      ? describeSave(scanned, file)
      : await makeSave(scanned, { ...file, path: await renamed(temporary, layerPath) }, temporary, options);
    return {
      ...described,
      keep: () => putInPlace(temporary, archivePath(dataDir, described.digest)),
      discard: () => rm(temporary, { force: true }),
    };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await rm(layerPath, { force: true });
  }
}

async function renamed(from: string, to: string): Promise<string> {
  await rename(from, to);
  return to;
}

/** Streams the upload to disk and through the checks at once; the slower of the two sets the pace. */
async function receive(
  body: Readable,
  path: string,
  maxBytes: number,
): Promise<{ scanned: ScannedTar; file: StoredFile }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const toScan = new PassThrough();
  const { plain, gunzip } = await unzipped(body);
  const tee = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        done(imageTooLarge(maxBytes));
        return;
      }
      if (gunzip && isBomb(gunzip.bytesWritten, bytes)) {
        done(
          imageRefused(
            'archiveBomb',
            `The compressed archive is more than ${String(Math.floor(bytes / gunzip.bytesWritten))} times as large once it is unpacked.`,
            'If that is really your image, send it without compression.',
          ),
        );
        return;
      }
      hash.update(chunk);
      const pass = () => {
        done(null, chunk);
      };
      if (toScan.write(chunk)) pass();
      else toScan.once('drain', pass);
    },
    flush(done) {
      toScan.end();
      done();
    },
  });
  const scanning = scanTar(toScan).catch((error: unknown) => {
    // What is no image need not be received to its end.
    tee.destroy(error as Error);
    throw error;
  });
  const storing = pipeline(plain, tee, createWriteStream(path, { flags: 'wx', mode: 0o600 })).catch(
    (error: unknown) => {
      toScan.destroy(error as Error);
      throw error;
    },
  );
  const [scan, store] = await Promise.allSettled([scanning, storing]);
  if (store.status === 'rejected')
    throw uploadError([store.reason, scan.status === 'rejected' ? scan.reason : undefined]);
  if (scan.status === 'rejected') throw scan.reason;
  return { scanned: scan.value, file: { path, bytes, hash: hash.digest('hex') } };
}

/** The error of an image that is larger than the operator allows. */
export function imageTooLarge(maxBytes: number): DrayageError {
  return imageRefused(
    'imageTooLarge',
    `The image is larger than ${String(maxBytes)} bytes.`,
    'Raise DRAYAGE_IMAGE_MAX_BYTES, or make the image smaller.',
  );
}

function describeSave(scanned: ScannedTar, file: StoredFile) {
  if (scanned.unsafeInArchive) throw scanned.unsafeInArchive;
  const { config, configHash } = readSaveArchive(scanned.members, (name) => scanned.contents.get(name));
  return {
    digest: `sha256:${configHash}`,
    archiveHash: file.hash,
    bytes: file.bytes,
    info: infoOfConfig(config, 'dockerSave'),
    layers: config.rootfs.diff_ids,
  };
}

/** Makes a `docker save` archive of a root file system's tar, which becomes its only layer, byte for byte. */
async function makeSave(
  scanned: ScannedTar,
  layer: StoredFile,
  path: string,
  options: RootFileSystemOptions,
) {
  if (scanned.executables === 0) {
    throw imageRefused(
      'noImage',
      'The archive is no image: it has neither a manifest.json nor a program that could be run.',
      'Make it with `docker save IMAGE`, or with tar inside a root directory.',
    );
  }
  const config = rootFileSystemConfig(layer.hash, scanned.architecture ?? 'amd64', options);
  const configHash = createHash('sha256').update(config).digest('hex');
  const layerName = `${layer.hash}/layer.tar`;
  const manifest = Buffer.from(
    JSON.stringify([{ Config: `${configHash}.json`, RepoTags: null, Layers: [layerName] }]),
  );
  const tar = pack();
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const written = pipeline(tar, count, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  const fixed = { mode: 0o644, mtime: new Date(0), uid: 0, gid: 0 };
  const add = (name: string, content: Buffer) => tar.entry({ ...fixed, name, size: content.length }, content);
  const filled = (async () => {
    add(`${configHash}.json`, config);
    await pipeline(createReadStream(layer.path), tar.entry({ ...fixed, name: layerName, size: layer.bytes }));
    add('manifest.json', manifest);
    tar.finalize();
  })();
  await Promise.all([written, filled]);
  const read = imageConfigSchema.parse(JSON.parse(config.toString('utf8')));
  const info = infoOfConfig(read, 'rootFileSystem');
  const layers = read.rootfs.diff_ids;
  return { digest: `sha256:${configHash}`, archiveHash: hash.digest('hex'), bytes, info, layers };
}
