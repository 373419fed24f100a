import { describe, expect, it } from 'vitest';
import { chooseManifest } from './chooseManifest.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const manifest = {
  schemaVersion: 2,
  config: { mediaType: 'c', digest: digest('c'), size: 10 },
  layers: [{ mediaType: 'l', digest: digest('d'), size: 10 }],
};
const platform = (os: string, architecture: string, letter: string) => ({
  digest: digest(letter),
  platform: { os, architecture },
});

describe('the manifest of an image', () => {
  it('is taken as it is when it is one', () => {
    expect(chooseManifest(manifest, 'amd64')).toMatchObject({
      action: 'take',
      manifest: { layers: [{ size: 10 }] },
    });
  });

  it('is that of the architecture where there are several', () => {
    const manifests = [
      platform('linux', 'amd64', 'a'),
      platform('linux', 'arm64', 'b'),
      platform('windows', 'amd64', 'e'),
      { digest: digest('f') },
    ];
    expect(chooseManifest({ manifests }, 'arm64')).toEqual({ action: 'ask', digest: digest('b') });
    expect(chooseManifest({ manifests }, 'riscv64')).toMatchObject({
      action: 'refuse',
      cause: {
        code: 'wrongArchitecture',
        message: expect.stringContaining('amd64, arm64, not for riscv64') as string,
      },
    });
  });

  it.each([
    ['nothing', null],
    ['an old manifest', { schemaVersion: 1, fsLayers: [] }],
    ['one without layers', { ...manifest, layers: [] }],
    ['one with a digest that is a path', { ...manifest, config: { ...manifest.config, digest: '../x' } }],
  ])('is not %s', (_name, document) => {
    expect(chooseManifest(document, 'amd64')).toMatchObject({
      action: 'refuse',
      cause: { code: 'registryAnswer' },
    });
  });
});
