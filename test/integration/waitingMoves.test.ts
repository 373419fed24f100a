import { beforeEach, expect, it } from 'vitest';
import { beginWaiting } from '../../api/migrations/start.ts';
import { sql } from 'drizzle-orm';
import { finishMigration } from '../../db/migrationRecords.ts';
import { useApi } from './support/api.ts';
import { makeCompute, makeDevice } from './support/fixtures.ts';

const api = useApi();

/** Computes that can move, and an answer for each request. */
beforeEach(async () => {
  const { db, config } = api.context;
  config.movesAtOnce = 2;
  const source = await makeDevice(db, { name: 'source' });
  await makeDevice(db, { name: 'target' });
  for (const name of ['first', 'second', 'third', 'fourth'])
    await makeCompute(db, { deviceId: source.id, name });
});

const ask = async (compute: string) => {
  const { status, body } = await api.call('POST', `/computes/${compute}/migrations`, { target: 'target' });
  expect(status).toBe(202);
  return body as { id: string; runId: string };
};
const begun = () => api.workflows.migrations.map(({ migrationId }) => migrationId);
const end = (id: string) =>
  finishMigration(api.context.db, id, { state: 'aborted', reason: 'It was stopped.' });
/** As if all had been asked for some seconds ago. */
const someTimeLater = () =>
  api.context.db.execute(sql`update migration set created_at = created_at - interval '10 s'`);

it('moves beyond those that may be made at once wait, and begin in order when others have ended', async () => {
  const moves = [await ask('first'), await ask('second'), await ask('third'), await ask('fourth')];
  const [first, second, third, fourth] = moves.map(({ id }) => id);
  expect(moves.map(({ runId }) => runId !== '')).toEqual([true, true, false, false]);
  expect(begun()).toEqual([first, second]);
  const waiting = (await api.call('GET', `/migrations/${third}`)).body;
  expect(waiting).toMatchObject({
    state: 'pending',
    reason: 'It begins when moves that are under way have ended.',
  });
  await someTimeLater();
  await beginWaiting(api.context);
  expect(begun()).toEqual([first, second]);
  await end(second!);
  await beginWaiting(api.context);
  expect(begun()).toEqual([first, second, third]);
  await beginWaiting(api.context);
  expect(begun()).toEqual([first, second, third]);
  await end(first!);
  await end(third!);
  await beginWaiting(api.context);
  expect(begun()).toEqual([first, second, third, fourth]);
});

it('one that waits can be aborted, and is not begun then', async () => {
  const [first, , third] = [await ask('first'), await ask('second'), await ask('third')];
  expect((await api.call('POST', `/migrations/${third.id}/abort`)).status).toBe(202);
  await someTimeLater();
  await end(first.id);
  await beginWaiting(api.context);
  expect(begun()).not.toContain(third.id);
});
