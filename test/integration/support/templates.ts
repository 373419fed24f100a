import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { freshId } from '../../../api/context.ts';
import { ensureAdmin } from '../../../api/firstStart.ts';
import { hashSecret, newSecret } from '../../../api/secrets.ts';
import { accountByEmail } from '../../../db/accounts.ts';
import { openDatabase } from '../../../db/database.ts';
import { migrate } from '../../../db/migrate.ts';
import { createToken } from '../../../db/tokens.ts';
import { ADMIN } from './admin.ts';

/** Databases that tests get copies of, made once for a run. */
export interface Templates {
  /** With the schema and no row. */
  migrated: string;
  /** After the first start, with the admin signed in. */
  started: string;
  /** The data directory of that start. */
  startedDataDir: string;
  /** Of the admin's session there. */
  adminToken: string;
}

/** Makes them on the server of `adminUrl`, their files in `folder`. */
export async function makeTemplates(adminUrl: string, folder: string): Promise<Templates> {
  const urlOf = (name: string) => adminUrl.replace(/\/[^/]*$/, `/${name}`);
  const [migrated, started, startedDataDir] = ['migrated', 'started', join(folder, 'started')];
  const admin = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    await admin.unsafe(`create database ${migrated}`);
    await migrate(urlOf(migrated));
    await admin.unsafe(`create database ${started} template ${migrated}`);
  } finally {
    await admin.end();
  }
  await mkdir(startedDataDir);
  const opened = openDatabase(urlOf(started));
  const { db } = opened;
  try {
    await ensureAdmin(db, { admin: ADMIN, dataDir: startedDataDir });
    const account = await accountByEmail(db, ADMIN.email);
    const adminToken = `drs_${newSecret()}`;
    await createToken(db, {
      ...{ id: freshId('token'), accountId: account!.id, kind: 'session', name: 'token' },
      ...{ secretHash: hashSecret(adminToken), lifeSeconds: 86_400 },
    });
    return { migrated, started, startedDataDir, adminToken };
  } finally {
    await opened.close();
  }
}
