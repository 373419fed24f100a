import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  criuAtGate,
  endProcesses,
  findByEnvironment,
  type HelperProcess,
} from './checkpoint/helperProcesses.ts';
import { ARRIVING_VARIABLE, deleteRuncState } from './checkpoint/armedRestore.ts';
import { CRIU_SETTINGS } from './checkpoint/criuConfig.ts';
import { HELPER_VARIABLE } from './network/batchTool.ts';
import { exists } from './exists.ts';

const run = promisify(execFile);

/** Memory that comes and goes with a move, each on a tmpfs of its own: CRIU's images, and pages of computes that arrive. */
const MEMORY_DIRECTORIES = ['images', 'pages'] as const;

/** Makes the run directory: CRIU's settings, and room for memory, which holds the tenants' secrets. */
export async function prepareRunDirectory(runDir: string): Promise<void> {
  await mkdir(runDir, { recursive: true, mode: 0o711 });
  await writeFile(join(runDir, 'criu.conf'), CRIU_SETTINGS, { mode: 0o644 });
  for (const name of MEMORY_DIRECTORIES) {
    const directory = join(runDir, name);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (!(await isMounted(directory)))
      await run('mount', ['-t', 'tmpfs', '-o', 'size=90%,mode=0700', `drayage-${name}`, directory]);
    await chmod(directory, 0o700);
  }
}

/** How long a dump that is under way is waited for, milliseconds; it is never killed in its middle. */
const DUMP_DEADLINE_MS = 60_000;

/**
 * Ends what an earlier worker left running: a late `tc` or `runc` must not act on a compute whose machine has moved on.
 * A dump that has begun is waited for instead.
 */
export async function endEarlierHelpers(runDir: string): Promise<void> {
  const helpers = findByEnvironment(HELPER_VARIABLE);
  const dumps = helpers.filter(({ value }) => value.startsWith('dump-'));
  const waiting = await Promise.all(
    [...new Set(dumps.map(({ value }) => value))].map(async (value) => ({
      value,
      waits: await waitsAtGate(value),
    })),
  );
  const begun = new Set(waiting.filter(({ waits }) => !waits).map(({ value }) => value));
  // The readers of a begun dump's log must outlive it.
  await Promise.all(
    dumps.filter(({ value }) => begun.has(value)).map((dump) => ended(dump, DUMP_DEADLINE_MS)),
  );
  await endProcesses(helpers.filter(({ value }) => !begun.has(value)));
  await endProcesses(findByEnvironment(ARRIVING_VARIABLE));
  await forgetArrivals(runDir);
}

/** Containers whose restore was cut short can never be started again; those that were restored run on. */
async function forgetArrivals(runDir: string): Promise<void> {
  const arriving = join(runDir, 'arriving');
  for (const containerId of await readdir(arriving).catch(() => [])) {
    const restored = await exists(join(arriving, containerId, 'restored'));
    if (!restored) await deleteRuncState(runDir, containerId);
  }
  await rm(arriving, { recursive: true, force: true });
}

async function waitsAtGate(value: string): Promise<boolean> {
  return criuAtGate(HELPER_VARIABLE, value, new Promise(() => undefined), 200).then(
    () => true,
    () => false,
  );
}

async function ended({ pid }: HelperProcess, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (stat === '' || /\) [ZX] /.test(stat)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function isMounted(path: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.split('\n').some((line) => line.split(' ')[1] === path);
}
