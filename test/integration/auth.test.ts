import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../api/logger.ts';
import { createApp } from '../../api/app.ts';
import { ADMIN, useApi } from './support/api.ts';

const api = useApi();

/** Open by design; everything else must refuse who shows no token. */
const OPEN = [
  ...['GET /api/v1/installation', 'POST /api/v1/auth/register', 'POST /api/v1/auth/sign-in'],
  ...['GET /healthz', 'GET /readyz'],
];

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { security?: unknown[] }>>;
}

describe('signing in', () => {
  it('is needed on every route of the OpenAPI document but the open ones', async () => {
    const { paths, openapi } = (await api.app.inject('/api/openapi.json')).json<Document>();
    expect(openapi).toBe('3.1.0');
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({
        method: method.toUpperCase(),
        path,
        security,
      })),
    );
    expect(routes.length).toBeGreaterThan(25);
    const open: string[] = [];
    for (const { method, path, security } of routes) {
      const url = path.replaceAll(/\{\w+\}/g, 'x');
      const answer = await api.app.inject({ method: method as 'GET', url });
      if (answer.statusCode !== 401) open.push(`${method} ${path}`);
      else expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(security?.length === 0, `${method} ${path}: the document says so too`).toBe(
        OPEN.includes(`${method} ${path}`),
      );
    }
    expect(open.sort()).toEqual([...OPEN].sort());
  });

  it('shows the document and its pages to everybody', async () => {
    for (const url of ['/api/openapi.json', '/api/docs/', '/api/docs/static/index.css'])
      expect((await api.app.inject(url)).statusCode, url).toBe(200);
  });

  it('refuses a wrong password and an unknown account alike', async () => {
    for (const body of [
      { ...ADMIN, password: 'wrong' },
      { ...ADMIN, email: 'nobody@example.org' },
    ]) {
      const answer = await api.app.inject({ method: 'POST', url: '/api/v1/auth/sign-in', payload: body });
      expect(answer.statusCode).toBe(401);
      expect(answer.json()).toMatchObject({ status: 401, causes: [{ code: 'signInRefused' }] });
    }
  });

  it('is slowed down after ten attempts in a minute', async () => {
    // Of one email fewer lock it.
    const attempt = (count: number) =>
      api.app.inject({
        method: 'POST',
        url: '/api/v1/auth/sign-in',
        payload: { email: `${String(count)}@example.org`, password: 'x' },
      });
    for (let count = 0; count < 10; count += 1) expect((await attempt(count)).statusCode).toBe(401);
    const slowed = await attempt(10);
    expect(slowed.statusCode).toBe(429);
    expect(slowed.json()).toMatchObject({ causes: [{ code: 'tooManyRequests' }] });
  });

  it('gives a browser an HttpOnly cookie, and takes it from the same site only', async () => {
    const answer = await api.app.inject({
      method: 'POST',
      url: '/api/v1/auth/sign-in',
      payload: { ...ADMIN, session: 'cookie' },
    });
    expect(answer.json()).not.toHaveProperty('token');
    const [cookie] = answer.cookies;
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
    const cookies = { drayage_session: cookie?.value ?? '' };
    const post = (headers: Record<string, string>) =>
      api.app.inject({
        method: 'POST',
        url: '/api/v1/tokens',
        cookies,
        headers: { host: 'drayage.local', ...headers },
        payload: { name: 'x' },
      });
    expect((await api.app.inject({ url: '/api/v1/auth/me', cookies })).statusCode).toBe(200);
    const cases: [Record<string, string>, number][] = [
      [{}, 403],
      [{ origin: 'https://evil.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-site', origin: 'http://drayage.local' }, 403],
      [{ origin: 'http://drayage.local' }, 201],
      [{ 'sec-fetch-site': 'same-origin' }, 201],
    ];
    for (const [headers, status] of cases)
      expect((await post(headers)).statusCode, JSON.stringify(headers)).toBe(status);
    const out = await api.app.inject({
      method: 'POST',
      url: '/api/v1/auth/sign-out',
      cookies,
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect(out.statusCode).toBe(204);
    expect((await api.app.inject({ url: '/api/v1/auth/me', cookies })).statusCode).toBe(401);
  });

  it('works with a token until it is deleted', async () => {
    const made = await api.call('POST', '/tokens', { name: 'ci' });
    expect(made.status).toBe(201);
    const headers = { authorization: `Bearer ${made.body.secret}` };
    expect((await api.app.inject({ url: '/api/v1/auth/me', headers })).statusCode).toBe(200);
    const { items } = (await api.call('GET', '/tokens')).body as { items: object[] };
    expect(items).toHaveLength(1);
    expect(JSON.stringify(items)).not.toContain(made.body.secret);
    expect((await api.call('DELETE', `/tokens/${made.body.id}`)).status).toBe(204);
    expect((await api.app.inject({ url: '/api/v1/auth/me', headers })).statusCode).toBe(401);
  });

  it('writes the admin account to a file that only its owner may read', async () => {
    const path = join(api.dataDir, 'admin.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(ADMIN);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('leaves no secret in the log', async () => {
    const lines: string[] = [];
    const logger = createLogger('trace', { write: (line) => void lines.push(line) });
    const app = await createApp(api.context, logger);
    const signedIn = await app.inject({ method: 'POST', url: '/api/v1/auth/sign-in', payload: ADMIN });
    const { token } = signedIn.json<{ token: string }>();
    const made = await app.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      headers: { authorization: `Bearer ${token}` },
      payload: { name: 'x' },
    });
    logger.info(
      { headers: { authorization: `Bearer ${token}` }, request: { body: { password: ADMIN.password } } },
      'a careless line',
    );
    await app.close();
    expect(lines.length).toBeGreaterThan(2);
    for (const secret of [token, ADMIN.password, made.json<{ secret: string }>().secret])
      expect(lines.join('')).not.toContain(secret);
  });
});
