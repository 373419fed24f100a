import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * CRIU's settings for our computes. The network is shut by us before the dump and until after the restore (HotNetwork):
 * CRIU's own lock would only cost time.
 */
export const CRIU_SETTINGS = 'network-lock skip\nghost-limit 67108864\n';

/**
 * For a dump whose connections nobody is going to restore: their sockets are not touched, and come back closed; what waits to
 * be accepted is left out.
 */
const DROP_CONNECTIONS = 'tcp-close\nskip-in-flight\n';

/** The file of CRIU's settings that a compute's container names (annotation org.criu.config). */
export function criuConfigPath(runDir: string, computeId: string): string {
  return join(runDir, 'criu', `${computeId}.conf`);
}

/**
 * Writes the settings for one dump or restore of a compute. `external`: mounts whose content CRIU leaves alone, for a dump
 * by mount point their keys, for a restore by key the directories that hold the content. `dropConnections`: the same for the
 * dump and its restore.
 */
export async function writeCriuConfig(
  runDir: string,
  computeId: string,
  external: ReadonlyMap<string, string>,
  { dropConnections = false }: { dropConnections?: boolean } = {},
): Promise<void> {
  const path = criuConfigPath(runDir, computeId);
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  const lines = [...external].map(([key, value]) => `external mnt[${key}]:${value}\n`);
  const settings = CRIU_SETTINGS + (dropConnections ? DROP_CONNECTIONS : '') + lines.join('');
  await writeFile(`${path}.new`, settings, { mode: 0o644 });
  await rename(`${path}.new`, path);
}
