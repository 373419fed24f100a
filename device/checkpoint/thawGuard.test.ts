import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../core/until.ts';
import type { Freezer } from './cgroupFreezer.ts';

const MODULE = new URL('./thawGuard.ts', import.meta.url).href;
let directory: string;
let freezer: Freezer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drayage-guard-'));
  freezer = { version: 1, directory };
  await writeFile(join(directory, 'freezer.state'), 'FROZEN');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const state = () => readFile(join(directory, 'freezer.state'), 'utf8');

/** A worker that starts a guard, does this with it, and is killed. */
async function killedAfter(does: string, dumpPid: number): Promise<void> {
  const program = `
    const { ThawGuard } = await import(${JSON.stringify(MODULE)});
    const guard = await ThawGuard.start(${JSON.stringify(freezer)}, ${String(dumpPid)});
    ${does}
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);`;
  const worker = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    stdio: 'ignore',
  });
  await new Promise((resolve) => worker.once('exit', resolve));
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a guard of frozen processes', () => {
  test('lets them run on when its worker ends before the dump', async () => {
    await killedAfter('', process.pid);
    await until('the thaw', 5000, async () => (await state()) === 'THAWED');
  });

  test('waits for a dump that has begun', async () => {
    const dump = spawn('sleep', ['30']);
    await killedAfter('guard.dumping();', dump.pid ?? 0);
    await pause(300);
    expect(await state()).toBe('FROZEN');
    dump.kill('SIGKILL');
    await until('the thaw', 5000, async () => (await state()) === 'THAWED');
  });

  test.each(['', 'guard.dumping();'])('does nothing once they were thawed (%s)', async (before) => {
    await killedAfter(`${before} guard.dismiss();`, process.pid);
    await pause(300);
    expect(await state()).toBe('FROZEN');
  });
});
