import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { and, asc, gt, like, sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { newestEvent } from '../../db/events.ts';
import { event } from '../../db/schema/index.ts';
import { type ApiProcess, startApiProcess } from './support/apiProcess.ts';
import { useDatabase } from './support/database.ts';
import { writeEvents } from './support/eventScenes.ts';
import { firstTenant } from './support/fixtures.ts';
import { checkSignature, eventOf, type Receiver, startReceiver } from './support/receiver.ts';

const database = useDatabase('started');
const { startedDataDir, adminToken } = inject('templates');
const ENVIRONMENT = { DRAYAGE_WEBHOOK_TARGETS: 'any' };
let dataDir = '';
let processes: ApiProcess[] = [];
let receiver: Receiver;

const start = () => startApiProcess(database.url, dataDir, '0', ENVIRONMENT);

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'drayage-webhooks-'));
  await cp(startedDataDir, dataDir, { recursive: true });
  receiver = await startReceiver();
  processes = [await start()];
  processes.push(await start());
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  await receiver.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function addWebhook(): Promise<string> {
  const answer = await fetch(`${processes[0]!.url}/api/v1/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({ url: receiver.url, types: ['compute.*'] }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { secret: string }).secret;
}

it('loses nothing and keeps the order when the API is killed while it sends, fails and waits', async () => {
  const { db } = database;
  const from = await newestEvent(db);
  const secret = await addWebhook();
  const tenantId = await firstTenant(db);
  // Some attempts fail: whoever is killed has something to repeat.
  receiver.answer = () => (receiver.received.length % 10 === 4 ? 500 : 204);
  const write = (name: string) => writeEvents(db, name, 2, 6, { tenantId });
  const ended = async () => {
    for (const one of processes.splice(0)) await one.kill();
  };
  await write('first');
  await receiver.until((one) => eventOf(one).message.startsWith('first'));
  await ended();
  await write('second');
  // What the killed had: as if its time had passed.
  await db.execute(sql`update webhook set leased_until = now() where lease_owner is not null`);
  processes = [await start()];
  processes.push(await start());
  await writeEvents(db, 'last', 1, 1, { tenantId });
  await receiver.until((one) => eventOf(one).message === 'last 0.0 again');
  const rows = await db
    .select({ id: event.id })
    .from(event)
    .where(and(gt(event.id, from), like(event.type, 'compute.%')))
    .orderBy(asc(event.id));
  const taken = receiver.taken.map(({ id }) => id);
  // An answer that the killed process did not hear is no answer: that event comes twice, beside itself.
  const once = taken.filter((id, at) => id !== taken[at - 1]);
  expect(once).toEqual(rows.map(({ id }) => id));
  expect(taken.length - once.length).toBeLessThanOrEqual(1);
  for (const one of receiver.received) checkSignature(secret, one);
});
