import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import {
  type ArchivePlace,
  elfArchitecture,
  memberName,
  type SeenMember,
  unsafeMember,
} from '../../core/imageArchive.ts';
import { DrayageError } from '../../core/cause.ts';
import { BLOCK, type Body, drained, MAKE_IMAGE, readMembers, walk } from './readMembers.ts';

const MIB = 2 ** 20;
/** Manifests and configurations are a few KB. */
const JSON_MAX_BYTES = 4 * MIB;
const JSON_TOTAL_BYTES = 16 * MIB;
/** Names are kept while an archive streams by: the only thing that grows with it. */
const MEMBERS_MAX = 20_000;

/** Everything that was seen of a tar that could be the outermost one. */
export interface ScannedTar {
  /** Names of a `docker save` archive's members; a root file system has more and needs none of them. */
  members: Map<string, SeenMember>;
  /** Contents of its JSON files. */
  contents: Map<string, Buffer>;
  hasManifest: boolean;
  /** Files that may be run; an image without any is none. */
  executables: number;
  /** Of the first program found. */
  architecture: string | null;
  /** The first member that a root file system may hold and a `docker save` archive may not. */
  unsafeInArchive: DrayageError | null;
}

/**
 * Reads a tar to its end, a piece at a time, and refuses what is damaged, cut off or leads out of itself. Layers within
 * a `docker save` archive are read in the same manner as they stream by.
 * @throws DrayageError notATar, truncated, unsafePath, noImage
 */
export async function scanTar(source: Readable): Promise<ScannedTar> {
  const scanned: ScannedTar = {
    members: new Map(),
    contents: new Map(),
    hasManifest: false,
    executables: 0,
    architecture: null,
    unsafeInArchive: null,
  };
  let contentBytes = 0;
  await readMembers(source, MAKE_IMAGE, async (header, body) => {
    requireSafe(header, 'layer');
    const unsafe = unsafeMember(memberOf(header), 'archive');
    if (unsafe) scanned.unsafeInArchive ??= new DrayageError(unsafe);
    const name = memberName(header.name);
    const seen = await readMember(
      name,
      header,
      body,
      scanned,
      (bytes) => (contentBytes += bytes) <= JSON_TOTAL_BYTES,
    );
    if (name === 'manifest.json') scanned.hasManifest = true;
    if (scanned.members.size < MEMBERS_MAX) scanned.members.set(name, seen);
  });
  return scanned;
}

const memberOf = (header: Header) => ({
  name: header.name,
  // A type that the reader does not know is none of those that are taken.
  type: header.type ?? 'unknown',
  linkname: header.linkname,
  pax: header.pax as object | null | undefined,
});

function requireSafe(header: Header, place: ArchivePlace): void {
  const cause = unsafeMember(memberOf(header), place);
  if (cause) throw new DrayageError(cause);
}

/** Reads one member's content: hashes it, keeps it when it is JSON, looks into it when it is a tar. */
async function readMember(
  name: string,
  header: Header,
  body: Body,
  scanned: ScannedTar,
  mayKeep: (bytes: number) => boolean,
): Promise<SeenMember> {
  const bytes = header.size ?? 0;
  if (header.type !== 'file' && header.type !== 'contiguous-file') {
    body.resume();
    const linksTo = header.type === 'link' ? memberName(header.linkname ?? '') : undefined;
    const symlink = header.type === 'symlink' ? memberName(`${name}/../${header.linkname ?? ''}`) : undefined;
    return { type: header.type === 'directory' ? 'directory' : 'other', linksTo: linksTo ?? symlink, bytes };
  }
  if (((header.mode ?? 0) & 0o111) !== 0) scanned.executables += 1;
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  let keep: boolean | undefined;
  let layer: LayerScan | undefined;
  for await (const chunk of headed(body, BLOCK)) {
    hash.update(chunk);
    if (keep === undefined) {
      keep =
        bytes <= JSON_MAX_BYTES &&
        /^\s*[[{]/.test(chunk.subarray(0, 16).toString('latin1')) &&
        mayKeep(bytes);
      scanned.architecture ??= elfArchitecture(chunk);
      if (looksLikeTar(chunk)) layer = new LayerScan();
    }
    if (keep) kept.push(chunk);
    await layer?.write(chunk);
  }
  await layer?.end();
  if (keep === true) scanned.contents.set(name, Buffer.concat(kept));
  return { type: 'file', hash: hash.digest('hex'), bytes };
}

/** `ustar` stands at byte 257 of every tar that is not older than 1988. */
function looksLikeTar(head: Buffer): boolean {
  return head.length >= BLOCK && head.toString('latin1', 257, 262) === 'ustar';
}

/** The chunks of a stream, the first at least `bytes` long (if there are so many). */
async function* headed(body: Body, bytes: number): AsyncGenerator<Buffer> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of body) {
    if (head === null) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < bytes) continue;
      yield head;
      head = null;
    }
  }
  if (head !== null && head.length > 0) yield head;
}

/** A tar within a tar: checks its names while its bytes stream by. */
class LayerScan {
  readonly #extract = extract();
  readonly #done: Promise<void>;

  constructor() {
    this.#done = walk(this.#extract, MAKE_IMAGE, (header, body) => {
      requireSafe(header, 'layer');
      body.resume();
      return Promise.resolve();
    });
    // The writer sees the failure through `write` or `end`; until then nobody waits for it.
    this.#done.catch(() => undefined);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#extract.destroyed) return this.#done;
    if (this.#extract.write(chunk)) return;
    await Promise.race([drained(this.#extract), this.#done]);
  }

  async end(): Promise<void> {
    this.#extract.end(null);
    await this.#done;
  }
}
