import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

export interface Member {
  name: string;
  content?: string | Buffer;
  type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device';
  linkname?: string;
  mode?: number;
  pax?: Record<string, string>;
}

/** A tar of these members. */
export async function tarOf(members: Member[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of members) {
    const body = Buffer.from(content);
    const fixed = { mode: 0o644, mtime: new Date(0), ...header };
    if ((header.type ?? 'file') === 'file') tar.entry({ ...fixed, size: body.length }, body);
    else tar.entry(fixed);
  }
  tar.finalize();
  return buffer(tar);
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Makes a root file system an image. */
export const PROGRAM: Member = { name: 'bin/app', content: '#!/bin/sh\necho hi\n', mode: 0o755 };

/** A `docker save` archive of one layer; `change` breaks it in some way. */
export async function saveOf(
  change: (parts: {
    config: Record<string, unknown>;
    manifest: Record<string, unknown>[];
    members: Member[];
  }) => void = () => undefined,
) {
  const layer = await tarOf([PROGRAM]);
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/bin/app'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  };
  const manifest = [{ Config: '', RepoTags: ['sample:latest'], Layers: ['blobs/sha256/layer'] }];
  const members: Member[] = [{ name: 'blobs/sha256/layer', content: layer }];
  change({ config, manifest, members });
  const bytes = Buffer.from(JSON.stringify(config));
  for (const entry of manifest) if (entry.Config === '') entry.Config = `blobs/sha256/${sha256(bytes)}`;
  const archive = await tarOf([
    { name: `blobs/sha256/${sha256(bytes)}`, content: bytes },
    ...members,
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
  return { archive, digest: `sha256:${sha256(bytes)}` };
}
