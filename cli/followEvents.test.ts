import { describe, expect, it } from 'vitest';
import type { Client } from '../client/createClient.ts';
import { ProblemError } from '../client/problemError.ts';
import type { EventView } from '../core/api/events.ts';
import { DrayageError } from '../core/cause.ts';
import { followEvents } from './followEvents.ts';

const event = (id: number | null, message: string): EventView => ({
  ...{ id, type: 'compute.running', subject: 'cmp_1', actor: null, message, data: {} },
  at: '2026-01-01T00:00:00.000Z',
});
const frame = (one: EventView) =>
  `${one.id === null ? '' : `id: ${one.id}\n`}data: ${JSON.stringify(one)}\n\n`;

/** An answer that is cut off after its text. */
function answer(from: string, text: string): Response {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      // In two pieces, which end anywhere.
      controller.enqueue(bytes.subarray(0, 7));
      controller.enqueue(bytes.subarray(7));
    },
    pull: (controller) => controller.error(new TypeError('terminated')),
  });
  return new Response(body, { headers: { 'last-event-id': from } });
}

function problem(status: number): ProblemError {
  return new ProblemError({ type: 'about:blank', title: 'x', status, detail: 'x', causes: [] });
}

interface Resumed {
  params: { header?: Record<string, string> };
}

/** Follows a server that gives these answers one after the other; the last one ends it. */
async function follow(answers: (Response | Error)[]) {
  const asked: (string | undefined)[] = [];
  const heard: string[] = [];
  const notes: string[] = [];
  const open: Client['open'] = (_path, ...[options]) => {
    asked.push((options as Resumed | undefined)?.params.header?.['last-event-id']);
    const next = answers.shift();
    return next instanceof Response ? Promise.resolve(next) : Promise.reject(next ?? problem(401));
  };
  const client = { open } as Client;
  let end: unknown;
  try {
    for await (const { message } of followEvents(client, {}, (line) => notes.push(line))) heard.push(message);
  } catch (error) {
    end = error;
  }
  return { asked, heard, notes, end };
}

describe('followEvents', () => {
  it('comes back to the last event it had; what has no id does not count', async () => {
    const { asked, heard, notes, end } = await follow([
      answer('5', 'retry: 1000\nid: 5\n\n: alive\n\n'),
      answer('5', frame(event(6, 'six')) + frame(event(null, 'progress')) + 'id: 7\ndata: {"id":'),
      answer('6', frame(event(7, 'seven'))),
    ]);
    expect(heard).toEqual(['six', 'progress', 'seven']);
    expect(asked).toEqual([undefined, '5', '6', '7']);
    expect(notes[0]).toContain('Ctrl-C');
    expect(end).toMatchObject({ problem: { status: 401 } });
  });

  it('waits for a control plane that is away, and says so once', async () => {
    const away = new DrayageError({ code: 'apiAway', message: 'x', mend: '' }, { retryable: true });
    const { asked, notes } = await follow([
      answer('5', ': alive\n\n'),
      away,
      problem(503),
      answer('5', ': \n\n'),
    ]);
    expect(asked).toEqual([undefined, '5', '5', '5', '5']);
    expect(notes.slice(1, 3)).toEqual([
      'the control plane does not answer; waiting for it',
      'the control plane is back',
    ]);
  });

  it.each<[string, (Response | Error)[], object]>([
    ['it is away at the first attempt', [new TypeError('fetch failed')], { message: 'fetch failed' }],
    ['it says no', [problem(400)], { problem: { status: 400 } }],
    ['an event is of another kind', [answer('5', 'data: {}\n\n')], { cause_: { code: 'unexpectedAnswer' } }],
  ])('ends when %s', async (_name, answers, end) => {
    expect((await follow(answers)).end).toMatchObject(end);
  });
});
