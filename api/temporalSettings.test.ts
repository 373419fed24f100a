import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { readConfig } from './config.ts';
import { createLogger } from './logger.ts';
import { connectionOptions } from './temporalSettings.ts';

const folder = mkdtempSync(join(tmpdir(), 'drayage-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const pem = (kind: string) => `-----BEGIN ${kind}-----\nAA==\n-----END ${kind}-----\n`;
const CA = file('ca.pem', pem('CERTIFICATE'));
const CERT = file('client.pem', pem('CERTIFICATE'));
const KEY = file('client.key', pem('PRIVATE KEY'));
const EMPTY = file('empty', '');
const BASE = { DATABASE_URL: 'postgres://db', TEMPORAL_ADDRESS: 't:7233', DRAYAGE_DATA_DIR: '/data' };
const read = (more: NodeJS.ProcessEnv) => readConfig({ ...BASE, ...more });

describe("the API's settings for Temporal", () => {
  test.each<[NodeJS.ProcessEnv, object]>([
    [{}, { address: 't:7233' }],
    [{ TEMPORAL_API_KEY: '', TEMPORAL_TLS: '' }, { address: 't:7233' }],
    [{ TEMPORAL_TLS: 'true' }, { address: 't:7233', tls: {} }],
    [{ TEMPORAL_API_KEY: 'k' }, { address: 't:7233', tls: {}, apiKey: 'k' }],
    [
      {
        TEMPORAL_TLS_SERVER_CA_CERT_PATH: CA,
        TEMPORAL_TLS_SERVER_NAME: 'temporal',
        TEMPORAL_TLS_CLIENT_CERT_PATH: CERT,
        TEMPORAL_TLS_CLIENT_KEY_PATH: KEY,
      },
      {
        address: 't:7233',
        tls: {
          serverRootCACertificate: Buffer.from(pem('CERTIFICATE')),
          serverNameOverride: 'temporal',
          clientCertPair: { crt: Buffer.from(pem('CERTIFICATE')), key: Buffer.from(pem('PRIVATE KEY')) },
        },
      },
    ],
  ])('%j', (environment, options) => {
    expect(connectionOptions(read(environment).temporal)).toEqual(options);
  });

  it('tells devices where the gateway is, and nothing that is secret', () => {
    const { deviceTemporal } = read({
      TEMPORAL_API_KEY: 'the-api-key',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: CA,
      TEMPORAL_TLS_CLIENT_CERT_PATH: CERT,
      TEMPORAL_TLS_CLIENT_KEY_PATH: KEY,
      DRAYAGE_DEVICE_TEMPORAL_ADDRESS: 'outside:7233',
    });
    expect(deviceTemporal).toEqual({ address: 'outside:7233', namespace: 'default' });
    expect(JSON.stringify(deviceTemporal)).not.toMatch(/the-api-key|PRIVATE/);
  });

  test.each<[NodeJS.ProcessEnv, RegExp]>([
    [{ TEMPORAL_TLS: 'perhaps' }, /TEMPORAL_TLS /],
    [{ TEMPORAL_TLS_CLIENT_CERT_PATH: CERT }, /TEMPORAL_TLS_CLIENT_KEY_PATH is missing/],
    [{ TEMPORAL_TLS_CLIENT_KEY_PATH: KEY }, /TEMPORAL_TLS_CLIENT_CERT_PATH is missing/],
    [{ TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'gone') }, /SERVER_CA_CERT_PATH .*ENOENT/],
    [{ TEMPORAL_TLS_SERVER_CA_CERT_PATH: EMPTY }, /SERVER_CA_CERT_PATH .*holds no PEM/],
    [{ TEMPORAL_TLS: 'false', TEMPORAL_TLS_SERVER_NAME: 'x' }, /TEMPORAL_TLS is false/],
    [{ TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'the-api-key' }, /must not travel in clear/],
    [{ DATABASE_POOL: '1' }, /DATABASE_POOL/],
    [{ DATABASE_POOL: 'many' }, /DATABASE_POOL/],
  ])('%j is refused by its name', (environment, words) => {
    expect(() => read(environment)).toThrow(words);
    expect(() => read(environment)).not.toThrow(/the-api-key/);
  });

  it('is a pool of ten connections unless it is told otherwise', () => {
    expect(read({}).databasePool).toBe(10);
    expect(read({ DATABASE_POOL: '40' }).databasePool).toBe(40);
  });
});

describe('secrets from files', () => {
  it('are taken without the line feed at their end', () => {
    const config = read({
      DATABASE_URL: undefined,
      DATABASE_URL_FILE: file('url', 'postgres://u:p@db/d\n'),
      TEMPORAL_API_KEY_FILE: file('api-key', 'k'),
    });
    expect(config.databaseUrl).toBe('postgres://u:p@db/d');
    expect(config.temporal.apiKey).toBe('k');
  });

  test.each<[NodeJS.ProcessEnv, RegExp]>([
    [{ DATABASE_URL_FILE: KEY }, /DATABASE_URL is set, and so is DATABASE_URL_FILE/],
    [{ TEMPORAL_API_KEY_FILE: join(folder, 'gone') }, /TEMPORAL_API_KEY_FILE .*cannot be read/],
    [{ TEMPORAL_API_KEY_FILE: EMPTY }, /TEMPORAL_API_KEY_FILE .*is empty/],
  ])('%j is refused', (environment, words) => {
    expect(() => read(environment)).toThrow(words);
  });

  it('do not reach the log, whoever logs the settings', () => {
    const lines: string[] = [];
    const log = createLogger('info', { write: (line: string) => void lines.push(line) });
    const config = read({
      DATABASE_URL: 'postgres://u:the-password@db/d',
      TEMPORAL_API_KEY: 'the-api-key',
      TEMPORAL_TLS_CLIENT_CERT_PATH: CERT,
      TEMPORAL_TLS_CLIENT_KEY_PATH: KEY,
    });
    log.info(config);
    log.info({ config });
    log.info({ client: config.temporal.tls?.client });
    expect(lines.join('')).not.toMatch(/the-password|the-api-key|PRIVATE KEY/);
    expect(lines.join('')).toContain('t:7233');
  });
});
