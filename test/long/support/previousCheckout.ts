import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayageError } from '../../../core/cause.ts';
import { exists } from '../../../device/exists.ts';
import { run } from '../../../lab/machine/run.ts';
import { CHECKOUT } from '../../../lab/prerequisites.ts';
import { cacheDirectory } from '../../../lab/programs/cacheDirectory.ts';
import previous from '../../previousVersion.json' with { type: 'json' };

/** npm packages and native helpers of another version, milliseconds. */
const SETUP_MS = 600_000;

/**
 * The version before this one, as a checkout that devices and control planes can run: of the commit in test/previousVersion.json,
 * kept in the cache. @throws DrayageError previousMissing where the history does not reach so far back
 */
export async function previousCheckout(): Promise<string> {
  const { commit } = previous;
  const folder = join(cacheDirectory(), `version-${commit.slice(0, 12)}`);
  if (await exists(folder)) return folder;
  const building = `${folder}.building`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true });
  const archive = join(building, 'checkout.tar');
  const { code } = await run('git', ['-C', CHECKOUT, 'archive', '--output', archive, commit], {
    allowFailure: true,
  });
  if (code !== 0) throw previousMissing(commit);
  await run('tar', ['-x', '-f', archive, '-C', building]);
  await rm(archive);
  // Packages of the same lock need not be fetched again.
  if ((await lockOf(building)) === (await lockOf(CHECKOUT)))
    await run('cp', ['-a', join(CHECKOUT, 'node_modules'), building], { timeoutMs: SETUP_MS });
  await run('sh', [join(building, 'scripts/run.sh'), '--', 'true'], { timeoutMs: SETUP_MS });
  await run('sh', [join(building, 'scripts/native.sh')], { timeoutMs: SETUP_MS });
  await rename(building, folder);
  return folder;
}

function lockOf(checkout: string): Promise<string> {
  return readFile(join(checkout, 'package-lock.json'), 'utf8');
}

function previousMissing(commit: string): DrayageError {
  return new DrayageError({
    code: 'previousMissing',
    message: `The version before this one, commit ${commit}, is not in this repository's history.`,
    mend: 'Fetch the whole history: git fetch --unshallow.',
  });
}
