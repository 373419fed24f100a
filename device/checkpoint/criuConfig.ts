import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * CRIU's settings for our computes. The network is shut by us before the dump and until after the restore (HotNetwork):
 * CRIU's own lock would only cost time.
 */
export const CRIU_SETTINGS = 'network-lock skip\nghost-limit 67108864\n';

/** The file of CRIU's settings that a compute's container names (annotation org.criu.config). */
export function criuConfigPath(runDir: string, computeId: string): string {
  return join(runDir, 'criu', `${computeId}.conf`);
}

/**
 * Writes the settings for one dump or restore of a compute. `external`: mounts whose content CRIU leaves alone, for a dump
 * by mount point their keys, for a restore by key the directories that hold the content.
 */
export async function writeCriuConfig(
  runDir: string,
  computeId: string,
  external: ReadonlyMap<string, string>,
): Promise<void> {
  const path = criuConfigPath(runDir, computeId);
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  const lines = [...external].map(([key, value]) => `external mnt[${key}]:${value}\n`);
  await writeFile(`${path}.new`, CRIU_SETTINGS + lines.join(''), { mode: 0o644 });
  await rename(`${path}.new`, path);
}
