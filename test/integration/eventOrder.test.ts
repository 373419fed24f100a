import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../db/database.ts';
import { addEvent, eventsAfter, newestEvent } from '../../db/events.ts';
import { useDatabase } from './support/database.ts';
import { happened, hold } from './support/eventScenes.ts';
import { makeDevice } from './support/fixtures.ts';

const database = useDatabase();

/** Reads on from its last event, as the feed does. */
function reader(db: Database, from: number) {
  let last = from;
  return async () => {
    const { events } = await eventsAfter(db, last, 100);
    last = events.at(-1)?.id ?? last;
    return events.map(({ message }) => message);
  };
}

/** Two transactions that write in one order and are committed in the other; what a reader between them sees. */
async function interleave(db: Database): Promise<string[][]> {
  const read = reader(db, await newestEvent(db));
  const early = await hold(db, (tx) => addEvent(tx, happened('written first')));
  const late = await hold(db, (tx) => addEvent(tx, happened('written last')));
  await late.commit();
  const seen = [await read()];
  await early.commit();
  seen.push(await read(), await read());
  return seen;
}

describe('a reader that goes on from its last event', () => {
  it('misses none of two interleaved transactions', async () => {
    expect(await interleave(database.db)).toEqual([['written last'], ['written first'], []]);
  });

  it('would miss one if ids were only counted: the test can fail', async () => {
    await database.db.execute(sql`alter table event disable trigger event_take_place`);
    expect(await interleave(database.db)).toEqual([['written last'], [], []]);
  });

  it.each([['abc'], ['acb'], ['bac'], ['bca'], ['cab'], ['cba']])(
    'sees three transactions in the order of their commits: %s',
    async (order) => {
      const { db } = database;
      const read = reader(db, await newestEvent(db));
      const open = new Map<string, Awaited<ReturnType<typeof hold>>>();
      for (const name of 'abc') {
        const work = async (tx: Database) => {
          await addEvent(tx, happened(`${name}1`));
          await addEvent(tx, happened(`${name}2`));
        };
        open.set(name, await hold(db, work));
      }
      const undone = await hold(db, (tx) => addEvent(tx, happened('undone')));
      const seen: string[] = [];
      for (const name of order) {
        await open.get(name)!.commit();
        seen.push(...(await read()));
      }
      await undone.rollback();
      expect([...seen, ...(await read())]).toEqual([...order].flatMap((name) => [`${name}1`, `${name}2`]));
    },
  );

  it('keeps the order of savepoints, without those that were undone', async () => {
    const { db } = database;
    const read = reader(db, await newestEvent(db));
    await db.transaction(async (tx) => {
      await addEvent(tx, happened('before'));
      await tx
        .transaction(async (inner) => {
          await addEvent(inner, happened('undone'));
          inner.rollback();
        })
        .catch(() => undefined);
      await tx.transaction((inner) => addEvent(inner, happened('within')));
      await addEvent(tx, happened('after'));
    });
    expect(await read()).toEqual(['before', 'within', 'after']);
  });
});

it('writers of events do not lock each other out', async () => {
  const { db } = database;
  const device = await makeDevice(db);
  const touch = (tx: Database) => tx.execute(sql`update device set name = name where id = ${device.id}`);
  // One has the row and writes an event last, the other has written its event and waits for the row.
  const rowFirst = await hold(db, touch, (tx) => addEvent(tx, happened('after the row')));
  const eventFirst = db.transaction(async (tx) => {
    await addEvent(tx, happened('before the row'));
    await touch(tx);
  });
  await expect
    .poll(async () => {
      const waiting = sql`select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return (await db.execute<{ n: number }>(waiting))[0]?.n;
    })
    .toBe(1);
  await addEvent(db, happened('of a third'));
  await rowFirst.commit();
  await eventFirst;
});
