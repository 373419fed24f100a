import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DrayageError } from '../../core/cause.ts';
import { imageRefused } from '../../core/imageArchive.ts';
import type { Database } from '../../db/database.ts';
import type { ImageWithBlob } from '../../db/images.ts';
import {
  type ImageUploadRecord,
  prolongUpload,
  removeExpiredUploads,
  removeUpload,
} from '../../db/imageUploads.ts';
import type { ApiContext } from '../context.ts';
import { detached } from '../streamedBody.ts';
import { partPath } from './store.ts';
import { storeImage } from './storeImage.ts';
import { outOfDisk } from './uploadError.ts';

/** Refusals that are not the file's fault: it stays, and the end of the upload can be asked for again. */
const OTHER_REASONS = ['nameTaken', 'quotaExceeded', 'outOfDisk'];
/** Read at once of what is hashed. */
const PIECE_BYTES = 2 ** 18;

/** How many bytes of an upload are there: its file's size, which outlives the process. */
export async function offsetOf(dataDir: string, upload: ImageUploadRecord): Promise<number> {
  if (upload.finished) return upload.bytes;
  const found = await stat(partPath(dataDir, upload.id)).catch(() => null);
  return found?.size ?? 0;
}

/**
 * Puts a part behind what is there; what of it has come stays, also when its sender goes away. Nothing locks the file: each
 * writer writes at its own place only, and what lies there in the end is checked as a whole.
 * @throws DrayageError offsetMismatch, uploadTooLong, uploadCut, outOfDisk
 */
export async function appendPart(
  { config, db }: ApiContext,
  upload: ImageUploadRecord,
  offset: number,
  body: Readable,
): Promise<number> {
  const at = await offsetOf(config.dataDir, upload);
  if (offset !== at || upload.finished) throw offsetMismatch(upload, at);
  const path = partPath(config.dataDir, upload.id);
  await (await open(path, 'a', 0o600)).close();
  let end = offset;
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      end += chunk.length;
      if (end > upload.bytes) done(uploadTooLong(upload));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(detached(body), guard, createWriteStream(path, { flags: 'r+', start: offset }));
  } catch (error) {
    if (body.destroyed && !body.readableEnded) throw uploadCut(upload);
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? outOfDisk() : error;
  } finally {
    await prolongUpload(db, upload.id);
  }
  return offsetOf(config.dataDir, upload);
}

/**
 * Makes an image of an upload that is there as a whole. Asked again it answers the same. A file that is not what was
 * promised, or no image, is removed together with its upload.
 * @throws DrayageError uploadIncomplete, digestMismatch and what `storeImage` throws
 */
export async function finishUpload(
  context: ApiContext,
  upload: ImageUploadRecord,
  actor: string,
): Promise<ImageWithBlob> {
  const { dataDir } = context.config;
  const at = await offsetOf(dataDir, upload);
  if (at < upload.bytes) throw uploadIncomplete(upload, at);
  const path = partPath(dataDir, upload.id);
  try {
    const found = await digestOf(path);
    if (found !== upload.digest) throw digestMismatch(upload, found);
    const { tenantId, name, options, id: uploadId } = upload;
    const owner = { tenantId, name, actor, uploadId };
    const made = await storeImage(context, owner, createReadStream(path), options);
    await rm(path, { force: true });
    return made;
  } catch (error) {
    if (error instanceof DrayageError && !OTHER_REASONS.includes(error.cause_.code))
      await dropUpload(context, upload.id);
    throw error;
  }
}

/** Ends an upload; nothing of it stays. */
export async function dropUpload({ config, db }: ApiContext, id: string): Promise<void> {
  await removeUpload(db, id);
  await rm(partPath(config.dataDir, id), { force: true });
}

/** Ends the uploads that nothing was sent to for a day. */
export async function dropExpiredUploads(db: Database, dataDir: string): Promise<void> {
  for (const id of await removeExpiredUploads(db)) await rm(partPath(dataDir, id), { force: true });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  // One buffer for all of it: those of a stream are collected late.
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return `sha256:${hash.digest('hex')}`;
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function offsetMismatch(upload: ImageUploadRecord, at: number): DrayageError {
  return imageRefused(
    'offsetMismatch',
    `Of upload ${upload.id} ${String(at)} bytes are there: the next part begins at none other.`,
    'Ask where it is, and go on from there.',
  );
}

function uploadCut(upload: ImageUploadRecord): DrayageError {
  return imageRefused(
    'uploadCut',
    `The connection ended in the middle of a part of upload ${upload.id}; what came of it is kept.`,
    'Ask where it is, and go on from there.',
  );
}

function uploadTooLong(upload: ImageUploadRecord): DrayageError {
  return imageRefused(
    'uploadTooLong',
    `More comes than the ${String(upload.bytes)} bytes that upload ${upload.id} was begun with.`,
    'Begin a new upload with the right size.',
  );
}

function uploadIncomplete(upload: ImageUploadRecord, at: number): DrayageError {
  return imageRefused(
    'uploadIncomplete',
    `Of the ${String(upload.bytes)} bytes of upload ${upload.id} only ${String(at)} are there.`,
    'Send the rest first.',
  );
}

function digestMismatch(upload: ImageUploadRecord, found: string): DrayageError {
  return imageRefused(
    'digestMismatch',
    `What came is ${found}, and ${upload.digest} was promised.`,
    'Check that the file has not changed meanwhile, and send it again.',
  );
}
