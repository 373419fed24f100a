import { createHash } from 'node:crypto';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWriteStream } from 'node:fs';
import { z } from 'zod';

/**
 * How far a compute's log has been read. Rotation renames files, so a file is known by its inode; and since inodes are
 * used again, by how it begins.
 */
export const logPositionSchema = z.object({
  inode: z.string(),
  /** Bytes. */
  offset: z.number().int().nonnegative(),
  /** SHA-256 of the file's first bytes, at most BEGINNING_BYTES and at most `offset`. */
  beginning: z.string(),
});
export type LogPosition = z.infer<typeof logPositionSchema>;

/** Each line of json-file bears its time, so this much tells two files apart. */
const BEGINNING_BYTES = 256;

/** Older lines are left behind: three times the size at which Drayage has the engine rotate. */
export const MAXIMUM_HISTORY_BYTES = 30 * 1024 * 1024;

const READ_BYTES = 64 * 1024;

/** What has been logged since a position. */
export interface LogHistory {
  /** The log's lines as the engine wrote them, oldest first. */
  stream: Readable;
  /** Where the next reading goes on; resolves at the stream's end, rejects when it was not read to its end. */
  position: Promise<LogPosition | null>;
}

/** A part of one file. */
interface Part {
  file: FileHandle;
  inode: string;
  start: number;
  end: number;
}

/**
 * Reads a container's log with its rotated files (`<log>.1` is younger than `<log>.2`); a log that is missing is empty.
 * Bytes after the length the files have now come with the next reading.
 *
 * @param position where the last reading ended; null for all of it
 * @param limit bytes; beyond it the oldest lines are left out. @default MAXIMUM_HISTORY_BYTES
 */
export async function readLogHistory(
  logPath: string,
  position: LogPosition | null,
  limit = MAXIMUM_HISTORY_BYTES,
): Promise<LogHistory> {
  const parts = await openParts(logPath);
  await skipKnown(parts, position);
  await skipOldest(parts, limit);
  let resolve: (position: LogPosition | null) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const reached = new Promise<LogPosition | null>((good, bad) => ([resolve, reject] = [good, bad]));
  reached.catch(() => {});
  const stream = Readable.from(content(parts, position, resolve), { objectMode: false });
  stream.once('close', () => {
    reject(new Error('the log was not read to its end'));
    for (const part of parts) part.file.close().catch(() => {});
  });
  return { stream, position: reached };
}

/** Appends to a container's log; the engine, which appends too, may have it open. Makes the file if there is none. */
export async function appendLogHistory(logPath: string, content: Readable): Promise<void> {
  await pipeline(content, createWriteStream(logPath, { flags: 'a', mode: 0o640, flush: true }));
}

async function* content(
  parts: Part[],
  position: LogPosition | null,
  resolve: (position: LogPosition | null) => void,
): AsyncGenerator<Buffer> {
  for (const part of parts) {
    let at = part.start;
    while (at < part.end) {
      const length = Math.min(READ_BYTES, part.end - at);
      const { buffer, bytesRead } = await part.file.read(Buffer.allocUnsafe(length), 0, length, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    part.end = at;
  }
  const last = parts.at(-1);
  resolve(last ? await positionAt(last) : position);
}

async function positionAt(part: Part): Promise<LogPosition> {
  return { inode: part.inode, offset: part.end, beginning: await hashBeginning(part.file, part.end) };
}

async function hashBeginning(file: FileHandle, offset: number): Promise<string> {
  const length = Math.min(offset, BEGINNING_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
  return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
}

/** The log's files, oldest first. */
async function openParts(logPath: string): Promise<Part[]> {
  const name = basename(logPath);
  const names = await readdir(dirname(logPath)).catch(() => []);
  const numbers = names
    .map((one) => (one === name ? 0 : one.startsWith(`${name}.`) ? Number(one.slice(name.length + 1)) : NaN))
    .filter(Number.isInteger)
    .sort((a, b) => a - b);
  const parts: Part[] = [];
  for (const number of numbers) {
    const path = join(dirname(logPath), number === 0 ? name : `${name}.${number}`);
    const part = await openPart(path);
    // The youngest is opened first: a rotation meanwhile then shows a file a second time, and hides none.
    if (part && parts.some(({ inode }) => inode === part.inode)) await part.file.close();
    else if (part) parts.unshift(part);
  }
  return parts;
}

async function openPart(path: string): Promise<Part | null> {
  try {
    const file = await open(path, 'r');
    const { ino, size } = await file.stat({ bigint: true });
    return { file, inode: String(ino), start: 0, end: Number(size) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** When the position's file is gone, every file that is left is younger than it. */
async function skipKnown(parts: Part[], position: LogPosition | null): Promise<void> {
  if (!position) return;
  for (const [index, part] of parts.entries()) {
    if (part.inode !== position.inode || part.end < position.offset) continue;
    if ((await hashBeginning(part.file, position.offset)) !== position.beginning) continue;
    part.start = position.offset;
    for (const older of parts.slice(0, index)) older.start = older.end;
    return;
  }
}

/** Leaves out what exceeds the limit, the oldest first, and in whole lines: the engine cannot read a part of one. */
async function skipOldest(parts: Part[], limit: number): Promise<void> {
  let room = limit;
  for (const part of [...parts].reverse()) {
    const cut = part.end - room;
    if (cut > part.start) part.start = await afterLine(part, cut);
    room = Math.max(0, room - (part.end - part.start));
  }
}

/** Where the first line begins at or after `offset`. */
async function afterLine(part: Part, offset: number): Promise<number> {
  for (let at = offset - 1; at < part.end; at += READ_BYTES) {
    const length = Math.min(READ_BYTES, part.end - at);
    const { buffer, bytesRead } = await part.file.read(Buffer.alloc(length), 0, length, at);
    const newline = buffer.subarray(0, bytesRead).indexOf(10);
    if (newline >= 0) return at + newline + 1;
  }
  return part.end;
}
