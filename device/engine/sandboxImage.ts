import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack, type Pack } from 'tar-stream';
import { dockerArchitecture } from '../../core/architectures.ts';
import { DrayageError } from '../../core/cause.ts';
import { SANDBOX_IMAGE } from './containerOptions.ts';

const PT_INTERP = 3;

/** The static busybox of the device. */
export async function readBusybox(path = '/bin/busybox'): Promise<Buffer> {
  const program = await readFile(path).catch(() => null);
  if (!program || !isStatic(program)) {
    throw new DrayageError({
      code: 'busyboxMissing',
      message: `The device has no static ${path}, of which the sandbox is made.`,
      mend: 'Install it: apt-get install busybox-static.',
    });
  }
  return program;
}

/** Whether an ELF program of 64 bits, little-endian, needs no loader. */
export function isStatic(program: Buffer): boolean {
  if (program.length < 64 || program.readUInt32BE(0) !== 0x7f454c46 || program[4] !== 2) return false;
  const table = Number(program.readBigUInt64LE(32));
  const size = program.readUInt16LE(54);
  const count = program.readUInt16LE(56);
  for (let index = 0; index < count; index += 1) {
    const at = table + index * size;
    if (at + 4 > program.length || program.readUInt32LE(at) === PT_INTERP) return false;
  }
  return true;
}

/**
 * The sandbox's image in `docker save` form, with nothing in it that differs from one making to the next: equal
 * busyboxes give equal image ids.
 */
export async function sandboxArchive(busybox: Buffer): Promise<Buffer> {
  const layer = pack();
  add(layer, 'bin/', null);
  add(layer, 'bin/busybox', busybox, 0o755);
  for (const name of ['dev/', 'etc/', 'proc/', 'sys/']) add(layer, name, null);
  layer.finalize();
  const layerBytes = await buffer(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: dockerArchitecture(process.arch),
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: { Cmd: ['/bin/busybox', 'sleep', '2147483647'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layerBytes)}`] },
    }),
  );
  const configName = `${sha256(config)}.json`;
  const image = pack();
  add(image, configName, config);
  add(image, 'layer.tar', layerBytes);
  const manifest = [{ Config: configName, RepoTags: [SANDBOX_IMAGE], Layers: ['layer.tar'] }];
  add(image, 'manifest.json', Buffer.from(JSON.stringify(manifest)));
  image.finalize();
  return buffer(image);
}

function add(archive: Pack, name: string, content: Buffer | null, mode = 0o644): void {
  const common = { name, mtime: new Date(0), uid: 0, gid: 0 };
  if (content) archive.entry({ ...common, mode }, content);
  else archive.entry({ ...common, type: 'directory', mode: 0o755 });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
