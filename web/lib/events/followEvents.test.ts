import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../client/problemError.ts';
import { followEvents } from './followEvents.ts';

const event = (id: number | null, type = 'compute.running') => ({
  id,
  type,
  subject: `cmp_${String(id)}`,
  actor: null,
  message: '',
  data: {},
  at: '2026-01-01T00:00:00.000Z',
});
const frame = (id: number | null, type?: string) =>
  `${id === null ? '' : `id: ${String(id)}\n`}event: x\ndata: ${JSON.stringify(event(id, type))}\n\n`;
const answer = (text: string, begins = '7') => new Response(text, { headers: { 'last-event-id': begins } });
const refusal = (status: number) =>
  new ProblemError({ type: '', title: '', status, detail: 'No.', causes: [] });

/** Answers one after the other; an error is thrown. After the last it is ended. Resolves with all that was told, in order. */
async function follow(answers: (Response | Error)[]): Promise<string[]> {
  const stop = new AbortController();
  const told: string[] = [];
  await followEvents({
    open: (last) => {
      told.push(`open ${last ?? 'anew'}`);
      const next = answers.shift();
      if (next instanceof Response) return Promise.resolve(next);
      return Promise.reject(next ?? new Error('none is left'));
    },
    onEvent: ({ id }) => told.push(`event ${String(id)}`),
    onBegin: () => told.push('begin'),
    onLink: (link) => told.push(link),
    pause: () => {
      if (answers.length === 0) stop.abort();
      return Promise.resolve();
    },
    signal: stop.signal,
  });
  return told;
}

describe('the stream is followed', () => {
  it('and goes on after the last event, without a word when it has only ended', async () => {
    const told = await follow([answer(frame(8) + frame(9)), answer(frame(10))]);
    expect(told).toEqual([
      ...['open anew', 'begin', 'online', 'event 8', 'event 9', 'online'],
      ...['open 9', 'online', 'event 10', 'online'],
    ]);
  });

  it('from where it began, when nothing has happened yet', async () => {
    const told = await follow([answer(''), answer('')]);
    expect(told.filter((line) => line.startsWith('open'))).toEqual(['open anew', 'open 7']);
  });

  it('and what has no id does not change where it goes on', async () => {
    const told = await follow([answer(frame(8) + frame(null)), answer('')]);
    expect(told).toContain('open 8');
  });

  it('and says that what was read is out of date when events were missed', async () => {
    const told = await follow([answer(frame(8)), answer(frame(50, 'reset') + frame(51)), answer('')]);
    expect(told.slice(5)).toEqual([
      'open 8',
      'online',
      'begin',
      'event 51',
      'online',
      'open 51',
      'online',
      'online',
    ]);
  });

  it('through failures, and says so at the first', async () => {
    const told = await follow([answer(''), new Error('away'), refusal(503), answer(frame(8))]);
    expect(told.slice(3)).toEqual([
      ...['online', 'open 7', 'stale', 'open 7', 'stale', 'open 7', 'online', 'event 8', 'online'],
    ]);
  });

  it('until the control plane says no', async () => {
    await expect(follow([answer(''), refusal(401)])).rejects.toThrow('No.');
  });
});
