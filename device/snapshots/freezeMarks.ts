import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreezer, isFrozen, thaw } from '../checkpoint/cgroupFreezer.ts';
import type { Engine } from '../engine/types.ts';

const directoryOf = (runDir: string) => join(runDir, 'snapshots');

/** Remembers, until the device is started anew, that a compute is about to be frozen for a snapshot. */
export async function markFrozen(runDir: string, computeId: string): Promise<void> {
  await mkdir(directoryOf(runDir), { recursive: true, mode: 0o700 });
  await writeFile(join(directoryOf(runDir), computeId), '', { mode: 0o600 });
}

/** It was thawed. */
export async function unmarkFrozen(runDir: string, computeId: string): Promise<void> {
  await rm(join(directoryOf(runDir), computeId), { force: true });
}

/** At the start of a worker, when no dump runs any more: thaws what an earlier one has left frozen for a snapshot. */
export async function thawMarked(runDir: string, engine: Pick<Engine, 'facts'>): Promise<void> {
  for (const computeId of await readdir(directoryOf(runDir)).catch(() => [])) {
    const facts = await engine.facts(computeId);
    const freezer = facts && facts.pid > 0 ? await findFreezer(facts.pid).catch(() => null) : null;
    if (freezer !== null && (await isFrozen(freezer))) await thaw(freezer);
    await unmarkFrozen(runDir, computeId);
  }
}
