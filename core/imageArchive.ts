import { posix } from 'node:path';
import { z } from 'zod';
import { type Cause, DrayageError } from './cause.ts';

/** What an image's archive was, and what its configuration says. */
export const imageInfoSchema = z.object({
  /** The form in which it was uploaded. */
  source: z.enum(['dockerSave', 'rootFileSystem']),
  architecture: z.string(),
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  env: z.array(z.string()),
  workingDir: z.string(),
  layers: z.number().int(),
});
export type ImageInfo = z.infer<typeof imageInfoSchema>;

/** `manifest.json` of a `docker save` archive. */
export const saveManifestSchema = z.array(
  z.object({ Config: z.string().min(1), Layers: z.array(z.string()).min(1) }),
);

const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

/** What is needed of an image's configuration (OCI image spec, config.md). */
export const imageConfigSchema = z.object({
  architecture: z.string().default(''),
  os: z.string().default('linux'),
  config: z
    .object({ Entrypoint: strings, Cmd: strings, Env: strings, WorkingDir: z.string().nullish() })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string().regex(/^sha256:[0-9a-f]{64}$/)) }),
});
export type ImageConfig = z.infer<typeof imageConfigSchema>;

/** One member of a tar, as its header gives it. */
export interface ArchiveMember {
  name: string;
  type: string;
  linkname?: string | null | undefined;
  /** Its extended header (pax). */
  pax?: object | null | undefined;
}

/** Linux: PATH_MAX and NAME_MAX, bytes. */
const LONGEST = { path: 4095, name: 255 } as const;

/** Of a `docker save` archive itself, of a layer (the files of an image), or of an application's files. */
export type ArchivePlace = 'archive' | 'layer' | 'application';

const FILES = ['file', 'directory', 'link', 'symlink', 'contiguous-file'];
const SAFE_TYPES: Record<ArchivePlace, readonly string[]> = {
  archive: FILES,
  application: FILES,
  layer: [...FILES, 'character-device', 'block-device', 'fifo'],
};

const IMAGE_MEND = 'Make the archive anew with `docker save`, or with tar inside the root directory.';
const MENDS: Record<ArchivePlace, string> = {
  archive: IMAGE_MEND,
  layer: IMAGE_MEND,
  application: "Let the application's archive hold its own files, and links to those.",
};

/** Why a member may not be unpacked; null when it may. Docker refuses the same, but only on the device. */
export function unsafeMember(member: ArchiveMember, place: ArchivePlace): Cause | null {
  const { name, type, linkname } = member;
  const unsafe = (what: string): Cause => ({
    code: 'unsafePath',
    message: `The archive holds ${JSON.stringify(name.slice(0, 200))}, ${what}.`,
    mend: MENDS[place],
  });
  if (tooLong(name) || tooLong(linkname ?? '')) return unsafe('a name longer than a file system takes');
  if (Object.keys(member.pax ?? {}).some((key) => key.startsWith('GNU.sparse.')))
    return unsafe('a file with holes, which says little of how large it is');
  if (name.includes('\0') || (linkname ?? '').includes('\0')) return unsafe('a name with a zero byte');
  if (name.startsWith('/')) return unsafe('an absolute path');
  if (leaves(name)) return unsafe('a path that leads out of it');
  if (!SAFE_TYPES[place].includes(type)) return unsafe(`a member of type ${type}`);
  if (type !== 'link' && type !== 'symlink') return null;
  const target = linkname ?? '';
  if (target === '') return unsafe('a link to nothing');
  if (type === 'link') {
    // A hard link's target is a name of the archive.
    return target.startsWith('/') || leaves(target) ? unsafe('a hard link that leads out of it') : null;
  }
  // In a layer an absolute symbolic link is one within the compute's own root.
  if (target.startsWith('/')) return place === 'layer' ? null : unsafe('an absolute symbolic link');
  return leaves(posix.join(posix.dirname(name), target))
    ? unsafe('a symbolic link that leads out of it')
    : null;
}

function tooLong(path: string): boolean {
  return (
    Buffer.byteLength(path) > LONGEST.path ||
    path.split('/').some((name) => Buffer.byteLength(name) > LONGEST.name)
  );
}

function leaves(path: string): boolean {
  const normal = posix.normalize(path);
  return normal === '..' || normal.startsWith('../');
}

/** A member's name in one form: without `./` in front and `/` behind. */
export function memberName(name: string): string {
  return posix.normalize(name).replace(/\/$/, '');
}

/** What the upload's parameters say of a root file system; a tar of one does not know them. */
export interface RootFileSystemOptions {
  command: string[];
  entrypoint: string[];
  env: string[];
  workingDir: string;
}

/**
 * The configuration of an image made of one layer. The same input gives the same bytes, so that the image's id (their
 * SHA-256) is the same everywhere and always.
 */
export function rootFileSystemConfig(
  layerHash: string,
  architecture: string,
  options: RootFileSystemOptions,
): Buffer {
  const created = '1970-01-01T00:00:00Z';
  const config = {
    architecture,
    config: {
      Cmd: options.command.length > 0 ? options.command : null,
      Entrypoint: options.entrypoint.length > 0 ? options.entrypoint : null,
      Env:
        options.env.length > 0
          ? options.env
          : ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      WorkingDir: options.workingDir,
    },
    created,
    history: [{ created, created_by: 'drayage image import' }],
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerHash}`] },
  };
  return Buffer.from(JSON.stringify(config));
}

/** Unpacked, this much is taken of any compressed archive, bytes. */
const BOMB_FROM_BYTES = 16 * 2 ** 20;
/** More than this times its compressed size no image has: gzip gets 1,030 out of zeros, and 2 to 20 out of programs. */
const BOMB_RATIO = 200;

/** Whether a compressed archive is one that is made to fill a disk, judged by what has come out of it so far. */
export function isBomb(packedBytes: number, plainBytes: number): boolean {
  return plainBytes > BOMB_FROM_BYTES && plainBytes > packedBytes * BOMB_RATIO;
}

/** Docker's name of an architecture by an ELF header's `e_machine`; null when it is none that Docker runs on. */
export function elfArchitecture(head: Buffer): string | null {
  if (head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) return null;
  const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
  return { 0x03: '386', 0x28: 'arm', 0x3e: 'amd64', 0xb7: 'arm64', 0xf3: 'riscv64' }[machine] ?? null;
}

/** What was seen of one member while the archive streamed by. */
export interface SeenMember {
  type: 'file' | 'directory' | 'other';
  /** SHA-256 (hex) of a file's content. */
  hash?: string;
  /** The name a link leads to. */
  linksTo?: string;
  bytes: number;
}

export interface SaveArchive {
  configHash: string;
  config: ImageConfig;
}

export function imageRefused(code: string, message: string, mend: string): DrayageError {
  return new DrayageError({ code, message, mend });
}

const SAVE_MEND = 'Make the archive with `docker save IMAGE`.';

/**
 * Checks that the members of a `docker save` archive are one whole image. `contentOf` gives the small JSON members.
 * @throws DrayageError severalImages, damagedImage
 */
export function readSaveArchive(
  members: ReadonlyMap<string, SeenMember>,
  contentOf: (name: string) => Buffer | undefined,
): SaveArchive {
  const manifest = saveManifestSchema.safeParse(json(contentOf('manifest.json')));
  if (!manifest.success)
    throw imageRefused('damagedImage', "The archive's manifest.json is not one of Docker.", SAVE_MEND);
  const [entry, ...others] = manifest.data;
  if (!entry) throw imageRefused('noImage', 'The archive holds no image.', SAVE_MEND);
  if (others.length > 0) {
    throw imageRefused(
      'severalImages',
      `The archive holds ${String(manifest.data.length)} images.`,
      'Save each image to an archive of its own.',
    );
  }
  const file = (name: string) => followLinks(members, memberName(name));
  const configFile = file(entry.Config);
  const bytes = contentOf(configFile?.name ?? '');
  const config = imageConfigSchema.safeParse(json(bytes));
  if (!configFile || !config.success)
    throw imageRefused(
      'damagedImage',
      `The image's configuration ${entry.Config} is missing or damaged.`,
      SAVE_MEND,
    );
  const diffIds = config.data.rootfs.diff_ids;
  if (diffIds.length !== entry.Layers.length)
    throw imageRefused(
      'damagedImage',
      "The image's configuration names another number of layers than its manifest.",
      SAVE_MEND,
    );
  entry.Layers.forEach((layer, index) => {
    const found = file(layer);
    if (!found) throw imageRefused('damagedImage', `Layer ${layer} is missing.`, SAVE_MEND);
    if (found.member.hash !== diffIds[index]?.slice('sha256:'.length))
      throw imageRefused('damagedImage', `Layer ${layer} is not what the configuration says.`, SAVE_MEND);
  });
  return { configHash: configFile.member.hash ?? '', config: config.data };
}

function json(bytes: Buffer | undefined): unknown {
  try {
    return bytes && JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The file a name leads to; old versions of Docker save a layer that occurs twice as a link. */
function followLinks(
  members: ReadonlyMap<string, SeenMember>,
  name: string,
): { name: string; member: SeenMember } | null {
  let at = name;
  for (let steps = 0; steps < 8; steps += 1) {
    const member = members.get(at);
    if (!member) return null;
    if (member.linksTo === undefined) return member.type === 'file' ? { name: at, member } : null;
    at = member.linksTo;
  }
  return null;
}

/** The info of a configuration, as it is shown. */
export function infoOfConfig(config: ImageConfig, source: ImageInfo['source']): ImageInfo {
  return {
    source,
    architecture: config.architecture,
    entrypoint: config.config?.Entrypoint ?? [],
    command: config.config?.Cmd ?? [],
    env: config.config?.Env ?? [],
    workingDir: config.config?.WorkingDir ?? '',
    layers: config.rootfs.diff_ids.length,
  };
}
