import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { ALIVE_MS, EventStream, MAX_AGE_MS } from './stream.ts';

let ended: Mock;
let stream: EventStream;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  ended = vi.fn();
  stream = new EventStream({ tenants: 'all', types: [] }, 7, ended);
});
afterEach(() => {
  stream.cut();
  vi.useRealTimers();
});

const taken = () => String(stream.body.read() ?? '');
const closed = () => new Promise((resolve) => stream.body.once('close', resolve));

describe('a stream', () => {
  it('says where it begins, and gives a sign of life every 15 s', () => {
    expect(taken()).toBe('retry: 1000\nid: 7\n\n');
    vi.advanceTimersByTime(ALIVE_MS - 1);
    expect(taken()).toBe('');
    vi.advanceTimersByTime(1);
    expect(taken()).toBe(': alive\n\n');
    expect(ALIVE_MS).toBe(15_000);
  });

  it('is cut when its client takes nothing for two signs of life', async () => {
    stream.write(Buffer.alloc(1 << 20));
    stream.write(Buffer.alloc(1));
    const end = closed();
    vi.advanceTimersByTime(ALIVE_MS);
    expect(stream.over).toBe(false);
    vi.advanceTimersByTime(ALIVE_MS);
    await end;
    expect(stream.over).toBe(true);
    expect(ended).toHaveBeenCalledExactlyOnceWith(stream);
  });

  it('is not cut when its client takes something in between', async () => {
    for (let time = 0; time < 4; time += 1) {
      stream.write(Buffer.alloc(1 << 20));
      vi.advanceTimersByTime(ALIVE_MS);
      while (stream.body.read() !== null);
      await stream.drained();
    }
    expect(stream.over).toBe(false);
  });

  it('ends in order after ten minutes: what waits is taken first', async () => {
    stream.write(Buffer.from('last'));
    vi.advanceTimersByTime(MAX_AGE_MS);
    expect(stream.over).toBe(true);
    stream.write(Buffer.from('too late'));
    const end = closed();
    let text = '';
    stream.body.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await end;
    expect(text).toContain('last');
    expect(text).not.toContain('too late');
    expect(ended).toHaveBeenCalledOnce();
  });
});
