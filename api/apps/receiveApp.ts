import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Header, pack, type Pack } from 'tar-stream';
import { type AdmittedMember, AppArchiveCheck, MAKE_APP } from '../../core/appArchive.ts';
import { APP_FOLDER } from '../../core/appDockerfile.ts';
import {
  type AppManifest,
  MANIFEST_MAX_BYTES,
  MANIFEST_NAME,
  readAppManifest,
} from '../../core/appManifest.ts';
import { DrayageError } from '../../core/cause.ts';
import { type Body, readMembers } from '../images/readMembers.ts';
import { unzipped } from '../images/unzipped.ts';
import { uploadError } from '../images/uploadError.ts';
import { putInPlace } from '../putInPlace.ts';
import { appArchivePath, appUploadDirectory } from './store.ts';

type ContextHeader = Partial<Header> & Pick<Header, 'name'>;

/** Smaller files are handed on whole, bytes. */
const WHOLE_BYTES = 64 * 2 ** 10;

/** An application's archive that was received and checked, and waits for its Dockerfile. */
export interface ReceivedApp {
  manifest: AppManifest;
  /** Of all files. */
  bytes: number;
  /** Ends the archive with the Dockerfile, and puts it in its place, durably: the context of a build. */
  keep(appId: string, dockerfile: string): Promise<void>;
  /** Removes what was received; nothing after `keep`. */
  discard(): Promise<void>;
}

/**
 * Receives an application: a tar of its folder, gzipped or not. While it streams to disk it is checked, and written anew
 * with nothing but names, contents and rights; memory does not grow with it. Nothing is left behind when it is refused.
 * @throws DrayageError those of AppArchiveCheck and readAppManifest, and notATar, truncated, damagedImage, outOfDisk
 */
export async function receiveApp(dataDir: string, body: Readable, maxBytes: number): Promise<ReceivedApp> {
  const path = join(appUploadDirectory(dataDir), randomBytes(8).toString('hex'));
  const context = pack();
  const written = pipeline(context, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  // Waited for by `keep`, and below.
  written.catch(() => undefined);
  const discard = async () => {
    context.destroy();
    await written.catch(() => undefined);
    await rm(path, { force: true });
  };
  const check = new AppArchiveCheck(maxBytes);
  let manifest: string | null = null;
  try {
    await add(context, { name: `${APP_FOLDER}/`, type: 'directory', mode: 0o755 });
    const { plain: unpacked } = await unzipped(body);
    const plain = counted(unpacked, (bytes) => check.account(bytes));
    await readMembers(plain, MAKE_APP, async (header, content) => {
      const admitted = check.admit({
        ...header,
        type: header.type ?? 'file',
        mode: header.mode ?? 0,
        size: header.size ?? 0,
        pax: header.pax as object | null | undefined,
      });
      if (admitted.name === MANIFEST_NAME) {
        manifest = await readText(admitted, header.size ?? 0, content);
        await add(context, contextHeader(admitted), Buffer.from(manifest));
      } else await copyMember(context, admitted, header.size ?? 0, content);
    });
    const read = readAppManifest(manifest);
    return {
      manifest: read,
      bytes: check.bytes,
      keep: async (appId, dockerfile) => {
        await add(context, { name: 'Dockerfile', type: 'file', mode: 0o644 }, Buffer.from(dockerfile));
        context.finalize();
        await written;
        await putInPlace(path, appArchivePath(dataDir, appId));
      },
      discard,
    };
  } catch (error) {
    const store = context.destroyed ? await written.catch((reason: unknown) => reason) : undefined;
    await discard();
    throw uploadError(store === undefined ? [error] : [store, error]);
  }
}

/** The stream; each chunk is accounted for before it is passed on. */
function counted(source: Readable, account: (bytes: number) => void): Readable {
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        account((bytes += chunk.length));
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  source.once('error', (error) => count.destroy(error));
  return source.pipe(count);
}

function contextHeader({ name, type, mode, linkname }: AdmittedMember): ContextHeader {
  const inside = (path: string) => `${APP_FOLDER}/${path}`;
  const link = type === 'link' ? inside(linkname ?? '') : linkname;
  return { name: inside(name), type, mode, ...(link === undefined ? {} : { linkname: link }) };
}

async function copyMember(context: Pack, member: AdmittedMember, size: number, content: Body): Promise<void> {
  const header = contextHeader(member);
  if (member.type !== 'file') {
    content.resume();
    // The archive's own root is the folder that stands there already.
    if (member.name !== '.') await add(context, header);
  } else if (size <= WHOLE_BYTES) await add(context, header, await buffer(content));
  else {
    const entry = context.entry({ ...header, ...FIXED, size });
    await pipeline(content, entry);
  }
}

/** Owner and time say nothing: the same files make the same image. */
const FIXED = { mtime: new Date(0), uid: 0, gid: 0 };

/** Resolves once it was taken, so that no more than one member waits. */
function add(context: Pack, header: ContextHeader, content?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => {
      if (error) reject(error);
      else resolve();
    };
    if (content) context.entry({ ...header, ...FIXED, size: content.length }, content, done);
    else context.entry({ ...header, ...FIXED }, done);
  });
}

async function readText({ type }: AdmittedMember, size: number, content: Body): Promise<string> {
  if (type === 'file' && size <= MANIFEST_MAX_BYTES) return (await buffer(content)).toString('utf8');
  throw new DrayageError({
    code: 'badManifest',
    message: `${MANIFEST_NAME} is no file, or larger than ${String(MANIFEST_MAX_BYTES)} bytes.`,
    mend: 'Put the manifest itself there.',
  });
}
