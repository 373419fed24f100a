import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAccount, hasAccounts } from '../db/accounts.ts';
import type { Database } from '../db/database.ts';
import { createTenant } from '../db/tenants.ts';
import type { ApiConfig } from './config.ts';
import { freshId } from './context.ts';
import { hashPassword } from './secrets.ts';

/** The tenant that the first account owns. */
const FIRST_TENANT = 'default';

/**
 * Makes the operator's account, with a tenant, when there is no account yet. Its password (random, unless one is given) is written to
 * DATA_DIR/admin.json (0600) within the same transaction: no account without its file.
 */
export async function ensureAdmin(db: Database, config: Pick<ApiConfig, 'admin' | 'dataDir'>): Promise<void> {
  if (await hasAccounts(db)) return;
  const { email } = config.admin;
  const password = config.admin.password ?? randomBytes(18).toString('base64url');
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const path = join(config.dataDir, 'admin.json');
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const passwordHash = await hashPassword(password);
  // Of two processes at their first start only one makes the account; only that one's password may be in the file.
  await db.transaction(async (tx) => {
    const id = freshId('user');
    if (!(await createAccount(tx, { id, email, passwordHash, role: 'operator' }))) return;
    await createTenant(tx, { id: freshId('tenant'), name: FIRST_TENANT, owner: id });
    await writeFile(temporary, `${JSON.stringify({ email, password }, null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    await rename(temporary, path);
  });
}
