import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { clientFiles } from './clientFiles.ts';

test(
  'the client is that of the API as it is; otherwise `npm run generate:client` makes it anew',
  { timeout: 60_000 },
  async () => {
    const files = await clientFiles();
    expect(files.map(({ path }) => basename(path))).toEqual(['openapi.json', 'paths.ts']);
    for (const { path, text } of files)
      expect((await readFile(path, 'utf8')) === text, `${basename(path)} is up to date`).toBe(true);
  },
);
