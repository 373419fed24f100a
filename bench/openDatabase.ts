import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import type { Lab } from '../lab/state.ts';

/** The database of a lab's control plane, as its owner, on one connection. */
export async function openDatabase(lab: Lab): Promise<postgres.Sql> {
  const password = await readFile(join(lab.paths.controlData, 'postgres-password'), 'utf8');
  const url = `postgres://drayage:${password}@127.0.0.1:${String(lab.ports.postgres)}/drayage`;
  return postgres(url, { max: 1, onnotice: () => undefined });
}
