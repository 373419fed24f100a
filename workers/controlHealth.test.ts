import { afterEach, describe, expect, it, test } from 'vitest';
import type { Checks } from '../api/readiness.ts';
import { serveReadiness } from './controlHealth.ts';

const fine = () => Promise.resolve();
const away = () => Promise.reject(new Error('away'));

describe("the control worker's readiness", () => {
  let close = fine;
  afterEach(() => close());

  async function ask(checks: Checks, path = '/readyz', method = 'GET') {
    const served = await serveReadiness({ host: '127.0.0.1', port: 0 }, checks);
    close = () => served.close();
    return fetch(`http://127.0.0.1:${served.port}${path}`, { method });
  }

  test.each([
    [fine, fine, 200, { ready: true, database: 'ok', temporal: 'ok' }],
    [away, fine, 503, { ready: false, database: 'away', temporal: 'ok' }],
    [fine, away, 503, { ready: false, database: 'ok', temporal: 'away' }],
  ])('says what is away (%#)', async (database, temporal, status, body) => {
    const answer = await ask({ database, temporal });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual(body);
  });

  it('says so of a part that does not answer at all', async () => {
    const answer = await ask({ database: fine, temporal: () => new Promise(() => {}) });
    expect(answer.status).toBe(503);
  });

  it('answers nothing else', async () => {
    expect((await ask({ database: fine, temporal: fine }, '/')).status).toBe(404);
    await close();
    expect((await ask({ database: fine, temporal: fine }, '/readyz', 'POST')).status).toBe(404);
  });
});
