import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { readDatabaseUrl } from './connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'drayage-connection-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => {
  const path = join(folder, name);
  writeFileSync(path, `pem of ${name}`);
  return path;
};
const CA = file('ca.pem');
const CERT = file('client.pem');
const KEY = file('client.key');
const URL = 'postgres://user:secret@db.example:5432/drayage';

describe("TLS in a database's URL", () => {
  test.each([
    ['', undefined],
    ['?sslmode=disable', false],
    ['?sslmode=disable&sslrootcert=/nowhere', false],
    ['?sslmode=prefer', 'prefer'],
    ['?sslmode=require', 'require'],
    ['?sslmode=verify-full', { rejectUnauthorized: true }],
    ['?sslrootcert=system', { rejectUnauthorized: true }],
    [`?sslmode=verify-full&sslrootcert=${CA}`, { rejectUnauthorized: true, ca: 'pem of ca.pem' }],
    [
      `?sslmode=require&sslcert=${CERT}&sslkey=${KEY}`,
      { rejectUnauthorized: false, cert: 'pem of client.pem', key: 'pem of client.key' },
    ],
  ])('%s', (query, ssl) => {
    expect(readDatabaseUrl(URL + query)).toEqual({ url: URL, ssl });
  });

  test.each([`?sslmode=verify-ca&sslrootcert=${CA}`, `?sslmode=require&sslrootcert=${CA}`])(
    '%s checks the chain and no name',
    (query) => {
      const { ssl } = readDatabaseUrl(URL + query);
      expect(ssl).toMatchObject({ rejectUnauthorized: true, ca: 'pem of ca.pem' });
      expect((ssl as { checkServerIdentity: () => unknown }).checkServerIdentity()).toBeUndefined();
    },
  );

  it('leaves the rest of the URL as it is, several hosts too', () => {
    const url = 'postgres://u:p@one:5432,two:5433/d';
    expect(readDatabaseUrl(`${url}?sslmode=require&target_session_attrs=read-write`).url).toBe(
      `${url}?target_session_attrs=read-write`,
    );
  });

  it('holds the certificate of an address against that address', () => {
    const { ssl } = readDatabaseUrl('postgres://u:p@10.0.0.1:5432/d?sslmode=verify-full');
    const { checkServerIdentity: check } = ssl as {
      checkServerIdentity: (name: string, cert: object) => unknown;
    };
    expect(check('localhost', { subject: {}, subjectaltname: 'IP Address:10.0.0.1' })).toBeUndefined();
    expect(check('localhost', { subject: {}, subjectaltname: 'DNS:localhost' })).toBeInstanceOf(Error);
  });

  test.each<[string, RegExp, string?]>([
    ['?sslmode=verify', /sslmode/],
    ['?sslmode=verify-full&sslrootcert=/nowhere.pem', /sslrootcert=\/nowhere\.pem\) that cannot be read/],
    [`?sslmode=verify-full&sslcert=${CERT}`, /sslcert and sslkey/],
    [`?sslrootcert=${CA}`, /no sslmode/],
    ['?sslmode=verify-full', /several hosts/, 'postgres://u:secret@10.0.0.1:5432,10.0.0.2:5432/d'],
  ])('%s is refused, without the password', (query, words, url = URL) => {
    const attempt = () => readDatabaseUrl(url + query);
    expect(attempt).toThrow(words);
    expect(attempt).not.toThrow(/secret/);
  });
});
