import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../api/app.ts';
import { useApi } from './support/api.ts';

const api = useApi();
const PAGE = '<!doctype html><title>Drayage</title>';
const HTML = { accept: 'text/html,application/xhtml+xml' };

let folder = '';
let app: FastifyInstance;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drayage-dashboard-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), PAGE);
  await writeFile(join(folder, 'assets/main-a1B2c3D4.js'), 'let a;');
  await writeFile(join(folder, 'assets/main-a1B2c3D4.js.br'), 'compressed');
  await writeFile(join(folder, 'assets/theme.js'), 'let b;');
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  app = await createApp({ ...api.context, config: { ...api.context.config, dashboardDir: folder } });
});
afterEach(() => app.close());

const get = (url: string, headers: Record<string, string> = HTML) =>
  app.inject({ method: 'GET', url, headers });

describe('the dashboard', () => {
  it.each(['/', '/devices', '/computes/cmp_1?tab=log', '/no/such/page'])(
    'has one page, at %s too',
    async (url) => {
      const { statusCode, headers, body } = await get(url);
      expect([statusCode, headers['cache-control'], body]).toEqual([200, 'no-cache', PAGE]);
      expect(headers['content-type']).toMatch(/^text\/html/);
    },
  );

  it('lets nothing inline and nothing of another origin in', async () => {
    const { headers } = await get('/devices');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' });
  });

  it('is kept for ever by browsers where a name changes with what is in the file, else asked for anew', async () => {
    const hashed = await get('/assets/main-a1B2c3D4.js', {});
    expect([hashed.statusCode, hashed.body]).toEqual([200, 'let a;']);
    expect(hashed.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const named = await get('/assets/theme.js', {});
    expect([named.statusCode, named.headers['cache-control']]).toEqual([200, 'no-cache']);
  });

  it('is sent compressed where there is such a file', async () => {
    const { headers, body } = await get('/assets/main-a1B2c3D4.js', { 'accept-encoding': 'gzip, br' });
    expect([headers['content-encoding'], body]).toEqual(['br', 'compressed']);
    expect(headers['content-type']).toMatch(/javascript/);
  });

  it.each([
    ['GET', '/api/v1/nothing', 404, 'unknownRoute'],
    ['GET', '/assets/gone-a1B2c3D4.js', 404, 'unknownRoute'],
    ['POST', '/devices', 404, 'unknownRoute'],
    ['DELETE', '/', 405, 'methodNotAllowed'],
    ['PUT', '/api/v1/devices', 405, 'methodNotAllowed'],
    ['GET', '/assets/..%2f..%2fpackage.json', 404, 'unknownRoute'],
  ] as const)('leaves %s %s as it was: %i', async (method, url, status, code) => {
    const answer = await app.inject({ method, url, headers: HTML });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ causes: [{ code }] });
  });

  it('is not what a program gets that asks for what there is not', async () => {
    expect((await get('/devices', { accept: 'application/json' })).statusCode).toBe(404);
  });

  it('says how it is built where it is not, and the API works', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'drayage-dashboard-'));
    const unbuilt = await createApp({
      ...api.context,
      config: { ...api.context.config, dashboardDir: join(empty, 'dist') },
    });
    const page = await unbuilt.inject({ method: 'GET', url: '/', headers: HTML });
    expect([page.statusCode, page.body]).toEqual([503, expect.stringContaining('npm run build:web')]);
    expect((await unbuilt.inject('/healthz')).statusCode).toBe(200);
    await unbuilt.close();
    await rm(empty, { recursive: true });
  });
});
