import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { workflowBundle } from './workflowBundle.ts';

const logger = new DefaultLogger('ERROR');
const HOUR_MS = 3_600_000;
const LONG_MS = 60_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drayage-bundle-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(
  'is made once and kept, and what nobody used for a week goes when one is made',
  async () => {
    const cache = join(folder, 'cache');
    const longAgo = new Date(Date.now() - 8 * 24 * HOUR_MS);
    await mkdir(cache);
    for (const [other, used] of [
      ['workflows-1.js', longAgo],
      ['workflows-2.js', new Date()],
    ] as const) {
      await writeFile(join(cache, other), '');
      await utimes(join(cache, other), used, used);
    }
    expect((await workflowBundle(cache, logger)).code).toContain('migrateCompute');
    const [name, ...others] = (await readdir(cache)).filter((one) => one !== 'workflows-2.js');
    expect(name).toMatch(/^workflows-[0-9a-f]{16}\.js$/);
    expect(others).toEqual([]);

    await writeFile(join(cache, name!), 'the kept one');
    await utimes(join(cache, name!), longAgo, longAgo);
    expect(await workflowBundle(cache, logger)).toEqual({ code: 'the kept one' });
    expect(Date.now() - (await stat(join(cache, name!))).mtimeMs).toBeLessThan(HOUR_MS);
  },
  LONG_MS,
);

test(
  'is made where it cannot be kept, and that is said',
  async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const warn = vi.spyOn(logger, 'warn').mockReturnValue();
    expect((await workflowBundle(file, logger)).code).toContain('migrateCompute');
    expect(warn).toHaveBeenCalledOnce();
  },
  LONG_MS,
);
