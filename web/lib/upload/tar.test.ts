import { extract } from 'tar-stream';
import { expect, it } from 'vitest';
import { packTar } from './tar.ts';

const MODIFIED = Date.UTC(2026, 4, 5);

/** As another program reads it. */
async function read(archive: Blob): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const members = extract();
  members.end(new Uint8Array(await archive.arrayBuffer()));
  for await (const member of members) {
    const { name, type, mtime, mode } = member.header;
    expect({ type, mode, mtime: mtime.getTime() }).toEqual({ type: 'file', mode: 0o644, mtime: MODIFIED });
    const parts: BlobPart[] = [];
    for await (const part of member as AsyncIterable<Uint8Array<ArrayBuffer>>) parts.push(part);
    found[name] = await new Blob(parts).text();
  }
  return found;
}

it.each([
  ['no files', {}],
  ['an empty file', { 'a.txt': '' }],
  ['a file of a block and a byte', { 'a.txt': 'x'.repeat(513) }],
  ['files in folders', { 'a/b/c.txt': 'c', 'd.txt': 'd' }],
  ['a name of 100 bytes', { ['x'.repeat(100)]: 'a' }],
  ['a name of more', { [`${'y'.repeat(60)}/${'x'.repeat(60)}`]: 'a', b: 'b' }],
  // The length of its record has one digit more than that of the name alone.
  ['a long name where the length grows by a digit', { ['z'.repeat(990)]: 'a' }],
  ['a name that is no ASCII', { 'dir/größe.txt': 'a' }],
])('packs %s', async (_name, files) => {
  const packed = Object.entries(files).map(([path, text]) => ({
    path,
    content: new Blob([text]),
    modifiedAt: MODIFIED,
  }));
  const archive = packTar(packed);
  expect(archive.size % 512).toBe(0);
  expect(await read(archive)).toEqual(files);
});
