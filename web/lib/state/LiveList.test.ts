import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../client/problemError.ts';
import type { EventView } from '../../../core/api/events.ts';
import type { Listener } from '../events/EventStream.svelte.ts';
import { LiveList, type LiveListOptions, PAGE_SIZE } from './LiveList.svelte.ts';

interface Item {
  id: string;
  version: number;
}

/** Lets all promises that are settled go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve));

const gone = new ProblemError({ type: '', title: '', status: 404, detail: 'Gone.', causes: [] });
const named = (at: number) => `i${String(at).padStart(4, '0')}`;

/** A server with items, its stream, and a list of them; what was asked is noted. */
function scene(count: number, over: Partial<LiveListOptions<Item>> = {}) {
  const there = new Map(Array.from({ length: count }, (_, at) => [named(at), { id: named(at), version: 1 }]));
  const asked: string[] = [];
  let listener: Listener = {};
  const frames: (() => void)[] = [];
  const list = new LiveList<Item>(
    { listen: (one) => ((listener = one), () => (listener = {})) },
    {
      readPage: ({ limit, cursor }) => {
        asked.push(`page ${cursor ?? '0'}`);
        const from = Number(cursor ?? 0);
        const items = [...there.values()].slice(from, from + limit);
        return Promise.resolve({
          items,
          nextCursor: from + limit < there.size ? String(from + limit) : null,
        });
      },
      readOne: (id) => {
        asked.push(id);
        const item = there.get(id);
        return item ? Promise.resolve(item) : Promise.reject(gone);
      },
      changedBy: ({ subject }) => [subject],
      order: (one, other) => one.id.localeCompare(other.id),
      schedule: (run) => frames.push(run),
      ...over,
    },
  );
  const happen = (id: string, version: number | null, type = 'item.changed') => {
    if (version === null) there.delete(id);
    else there.set(id, { id, version });
    const event: EventView = {
      id: 1,
      type,
      subject: id,
      actor: null,
      message: '',
      data: { version },
      at: '',
    };
    listener.onEvent?.(event);
  };
  const frame = async () => {
    for (const run of frames.splice(0)) run();
    await settle();
  };
  return { list, there, asked, frames, happen, frame, begin: () => listener.onBegin?.() };
}

describe('a live list', () => {
  it('is read page by page, to the end', async () => {
    const { list, asked } = scene(PAGE_SIZE * 2 + 1);
    await list.reload();
    expect([list.state, list.items.length, list.hasMore]).toEqual(['ready', PAGE_SIZE * 2 + 1, false]);
    expect(asked).toEqual(['page 0', 'page 500', 'page 1000']);
  });

  it('reads what has changed once a frame, however many events there were', async () => {
    const { list, asked, frames, happen, frame } = scene(3);
    await list.reload();
    for (let version = 2; version < 100; version += 1) happen(named(1), version);
    expect(frames).toHaveLength(1);
    await frame();
    expect(asked).toEqual(['page 0', named(1)]);
    expect(list.get(named(1))?.version).toBe(99);
  });

  it('takes in what is new, and lets go of what is gone', async () => {
    const { list, happen, frame } = scene(3);
    await list.reload();
    happen('i0000x', 1);
    happen(named(2), null);
    await frame();
    expect(list.items.map(({ id }) => id)).toEqual(['i0000', 'i0000x', 'i0001']);
    expect(list.get(named(2))).toBeUndefined();
  });

  it('asks nobody where an event says it all', async () => {
    const { list, asked, happen, frame } = scene(3, {
      patch: (item, { type, data }) =>
        type === 'item.progress' ? { ...item, version: Number(data['version']) } : undefined,
    });
    await list.reload();
    happen(named(0), 7, 'item.progress');
    happen(named(0), 8, 'item.progress');
    await frame();
    expect([asked, list.get(named(0))?.version]).toEqual([['page 0'], 8]);
  });

  it('reads pages instead where very many have changed', async () => {
    const { list, asked, happen, frame } = scene(100);
    await list.reload();
    for (let at = 0; at < 100; at += 1) happen(named(at), 2);
    await frame();
    expect(asked).toEqual(['page 0', 'page 0']);
    expect(list.items.every(({ version }) => version === 2)).toBe(true);
  });

  it('misses nothing of what happens while it is read', async () => {
    const { list, asked, happen, frame } = scene(3);
    const reading = list.reload();
    happen(named(1), 2);
    await frame();
    await reading;
    await frame();
    expect(asked).toEqual(['page 0', named(1)]);
    expect(list.get(named(1))?.version).toBe(2);
  });

  it('is read again when the stream begins anew', async () => {
    const { list, there, begin } = scene(3);
    await list.reload();
    there.delete(named(0));
    begin();
    await settle();
    expect(list.items).toHaveLength(2);
  });

  it('keeps no more than it was told, and reads more when asked', async () => {
    const { list, happen, frame } = scene(10, { keep: 4 });
    await list.reload();
    happen('a', 1);
    await frame();
    expect([list.items.map(({ id }) => id), list.hasMore]).toEqual([['a', 'i0000', 'i0001', 'i0002'], true]);
    expect(list.get(named(3))).toBeUndefined();
    await list.loadMore();
    expect(list.items).toHaveLength(8);
  });

  it('says why it could not be read, and is there when that has passed', async () => {
    let away = true;
    const { list } = scene(3, {
      readPage: () =>
        away ? Promise.reject(new Error('away')) : Promise.resolve({ items: [], nextCursor: null }),
    });
    await list.reload();
    expect([list.state, list.error]).toEqual(['failed', new Error('away')]);
    away = false;
    await list.reload();
    expect([list.state, list.error]).toEqual(['ready', null]);
  });

  it('hears nothing more once it is closed', async () => {
    const { list, asked, frames, happen } = scene(3);
    await list.reload();
    list.close();
    happen(named(1), 2);
    expect([frames, asked]).toEqual([[], ['page 0']]);
  });
});
