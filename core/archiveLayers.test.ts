import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { withoutLayers, withoutNames } from './archiveLayers.ts';

const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const LAYERS = ['one', 'two'].map((text) => ({
  name: `blobs/sha256/${hex(text)}`,
  digest: `sha256:${hex(text)}`,
}));
const MANIFEST = [
  { Config: 'blobs/sha256/c', RepoTags: ['drayage/sandbox:1'], Layers: LAYERS.map(({ name }) => name) },
];

function archive(): Readable {
  const tar = pack();
  tar.entry({ name: 'blobs/', type: 'directory' });
  tar.entry({ name: 'blobs/sha256/c' }, '{}');
  tar.entry({ name: LAYERS[0]!.name }, 'x'.repeat(200_000));
  tar.entry({ name: LAYERS[1]!.name }, 'two');
  tar.entry({ name: `${hex('one')}/layer.tar` }, 'one');
  tar.entry({ name: 'older/layer.tar', type: 'symlink', linkname: `../${LAYERS[1]!.name}` });
  for (const name of ['repositories', 'index.json', 'oci-layout']) tar.entry({ name }, '{"tag":"x"}');
  tar.entry({ name: 'manifest.json' }, JSON.stringify(MANIFEST));
  tar.finalize();
  return Readable.from(tar as AsyncIterable<Buffer>, { objectMode: false });
}

async function members(bytes: Readable): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const tar = extract();
  tar.end(await buffer(bytes));
  for await (const entry of tar) found.set(entry.header.name, (await buffer(entry)).toString());
  return found;
}

describe('an archive on its way to a device', () => {
  it('is sent without the layers that are there, in both of the places where they may lie', async () => {
    const all = await members(archive());
    const sent = await members(withoutLayers(archive(), [LAYERS[0]!.digest]));
    const left = [LAYERS[0]!.name, `${hex('one')}/layer.tar`];
    expect([...sent.keys()]).toEqual([...all.keys()].filter((name) => !left.includes(name)));
    for (const [name, content] of sent) expect(content, name).toBe(all.get(name));
  });

  it('gives no image a name', async () => {
    const got = await members(withoutNames(archive()));
    expect(JSON.parse(got.get('manifest.json')!)).toEqual([
      { Config: 'blobs/sha256/c', RepoTags: null, Layers: MANIFEST[0]!.Layers },
    ]);
    expect([...got.keys()].filter((name) => /repositories|index|oci/.test(name))).toEqual([]);
    expect(got.get(LAYERS[0]!.name)).toHaveLength(200_000);
  });

  it('fails when it is cut off, or no archive', async () => {
    const whole = await buffer(archive());
    for (const bytes of [whole.subarray(0, 10_000), Buffer.from('no archive'.repeat(100))])
      await expect(buffer(withoutNames(Readable.from([bytes])))).rejects.toThrow();
  });

  it('ends its source when nobody reads on', async () => {
    const source = archive();
    const closed = new Promise((resolve) => source.once('close', resolve));
    withoutNames(source).destroy();
    await closed;
  });
});
