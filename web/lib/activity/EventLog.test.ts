import { expect, it, vi } from 'vitest';
import type { Client } from '../../../client/createClient.ts';
import type { EventView } from '../../../core/api/events.ts';
import type { Listener } from '../events/EventStream.svelte.ts';
import { EventLog } from './EventLog.svelte.ts';

const event = (id: number, over: Partial<EventView> = {}): EventView => ({
  ...{ id, type: 'compute.running', subject: 'cmp_1', actor: null, message: `${String(id)}.`, data: {} },
  at: '2026-05-05T12:00:00Z',
  ...over,
});

function follow(kind = '', subject = '', history = [event(2), event(1)], older = [event(0)]) {
  let listener: Listener = {};
  const asked: unknown[] = [];
  const get = (_path: string, { params }: { params: { query: { cursor?: string } } }) => {
    asked.push(params.query);
    const first = params.query.cursor === undefined;
    return Promise.resolve({ items: first ? history : older, nextCursor: first ? 'c' : null });
  };
  const log = new EventLog({
    client: { get: get as unknown as Client['get'] },
    stream: { listen: (given) => ((listener = given), () => (listener = {})) },
    kind,
    subject,
  });
  return { log, asked, tell: (one: EventView) => listener.onEvent?.(one), begin: () => listener.onBegin?.() };
}
const ids = (log: EventLog) => log.items.map(({ id }) => id);

it('keeps what happens until it is asked for', async () => {
  const { log, tell } = follow();
  await vi.waitFor(() => expect(log.state).toBe('ready'));
  tell(event(3));
  tell(event(4));
  expect([ids(log), log.waiting]).toEqual([[2, 1], 2]);
  await log.showWaiting();
  expect([ids(log), log.waiting]).toEqual([[4, 3, 2, 1], 0]);
});

it('shows what came while it was read once', async () => {
  const { log, tell } = follow();
  tell(event(2));
  tell(event(3));
  await vi.waitFor(() => expect(log.state).toBe('ready'));
  await log.showWaiting();
  expect(ids(log)).toEqual([3, 2, 1]);
});

it.each([
  ['compute', '', { type: 'compute.stopped' }, 1],
  ['compute', '', { type: 'device.joined' }, 0],
  ['', 'cmp_1', {}, 1],
  ['', 'cmp_1', { subject: 'cmp_2' }, 0],
  ['', '', { type: 'migration.progress' }, 0],
  ['', '', { type: 'reset' }, 0],
])('with kind "%s" and subject "%s", of %o %i wait', async (kind, subject, over, waiting) => {
  const { log, tell } = follow(kind, subject);
  await vi.waitFor(() => expect(log.state).toBe('ready'));
  tell(event(3, over));
  expect(log.waiting).toBe(waiting);
});

it('asks for what the filter says, and for what was before', async () => {
  const { log, asked } = follow('compute', 'cmp_1');
  await vi.waitFor(() => expect(log.hasMore).toBe(true));
  await log.loadMore();
  expect(ids(log)).toEqual([2, 1, 0]);
  expect(log.hasMore).toBe(false);
  expect(asked).toEqual([
    { limit: 100, types: 'compute.*', subject: 'cmp_1' },
    { limit: 100, cursor: 'c', types: 'compute.*', subject: 'cmp_1' },
  ]);
});

it('reads it all again when events were missed', async () => {
  const { log, asked, begin } = follow();
  await vi.waitFor(() => expect(log.state).toBe('ready'));
  begin();
  await vi.waitFor(() => expect(asked.length).toBe(2));
});
