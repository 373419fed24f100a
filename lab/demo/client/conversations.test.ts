import { describe, expect, it } from 'vitest';
import { CounterCheck } from './counterCheck.ts';
import { HttpConversation } from './httpConversation.ts';
import { LineConversation } from './lineConversation.ts';
import { checkStatus, type TimedStatus } from './statusCheck.ts';

const STATUS: TimedStatus = {
  counter: 120,
  fileCounter: 100,
  requests: 9,
  pid: 1,
  monotonicMs: 1_000,
  now: 500,
};

describe('a status after another one', () => {
  const cases: { name: string; changes: Partial<TimedStatus>; wrong: RegExp | null }[] = [
    { name: 'all as it should be', changes: {}, wrong: null },
    { name: 'a file that is a write ahead', changes: { fileCounter: 150 }, wrong: /file has 150/ },
    { name: 'a file that missed a write', changes: { counter: 150 }, wrong: /file has 100/ },
    { name: 'a file that went back', changes: { counter: 99, fileCounter: 50 }, wrong: /file went back/ },
    { name: 'a number of requests that stays', changes: { requests: 9 }, wrong: /requests went back/ },
    { name: 'another process', changes: { pid: 2 }, wrong: /another one/ },
    { name: 'a clock that went back', changes: { monotonicMs: 900 }, wrong: /clock went back/ },
    { name: 'the clock of another machine', changes: { monotonicMs: 9_000_000 }, wrong: /clock went on by/ },
  ];
  it.each(cases)('$name', ({ changes, wrong }) => {
    const after = { ...STATUS, requests: 10, monotonicMs: 1_005, now: 505, ...changes };
    const found = checkStatus(after, STATUS).join(' ');
    if (wrong === null) expect(found).toBe('');
    else expect(found).toMatch(wrong);
  });
});

describe('a conversation in lines', () => {
  const start = () => {
    const complaints: string[] = [];
    const check = new CounterCheck(0);
    const talk = new LineConversation(check, (message) => complaints.push(message));
    const hear = (text: string) => talk.hear(Buffer.from(text), text.length);
    return { complaints, check, talk, hear };
  };

  it('asks in order and takes each answer once', () => {
    const { complaints, check, talk, hear } = start();
    expect(talk.ask()).toBe('inc 1\n');
    expect(hear('1 1')).toBe(false);
    expect(hear('\n')).toBe(true);
    expect(talk.ask()).toBe('inc 2\n');
    expect(hear('2 2\n')).toBe(true);
    expect(check.acknowledged).toBe(2);
    expect(complaints).toEqual([]);
  });

  it.each([
    { name: 'an answer to another question', say: '7 1\n', wrong: /answer to 7 came instead of that to 1/ },
    { name: 'a second answer', say: '1 1\n1 1\n', wrong: /answer to 1 came unasked/ },
    { name: 'a damaged answer', say: 'error\n', wrong: /damaged/ },
    { name: 'a counter that went back', say: '1 0\n', wrong: /went back/ },
  ])('complains of $name', ({ say, wrong }) => {
    const { complaints, talk, hear } = start();
    talk.ask();
    hear(say);
    expect(complaints.join(' ')).toMatch(wrong);
  });

  it('settles on what all increments make', () => {
    const { complaints, talk, hear } = start();
    talk.ask();
    hear('1 1\n');
    talk.settle();
    expect(talk.ask()).toBe('get 2\n');
    hear('2 2\n');
    expect(complaints).toEqual([expect.stringMatching(/ended at 2/)]);
  });

  it('does not know whether an increment counted whose connection was lost', () => {
    const { check, talk } = start();
    talk.ask();
    talk.lost(true);
    expect(check.settled(0)).toBeNull();
    expect(check.settled(1)).toBeNull();
  });
});

describe('a conversation in HTTP', () => {
  const start = () => {
    const complaints: string[] = [];
    const talk = new HttpConversation('host', (message) => complaints.push(message));
    const hear = (status: number, body: object | string) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const bytes = Buffer.from(`HTTP/1.1 ${status} x\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
      return talk.hear(bytes, bytes.length, 1);
    };
    return { complaints, talk, hear };
  };

  it('takes a right answer', () => {
    const { complaints, talk, hear } = start();
    expect(talk.ask()).toMatch(/^GET \/ HTTP\/1\.1\r\nHost: host\r\n/);
    expect(hear(200, STATUS)).toBe(true);
    expect(talk.status?.counter).toBe(120);
    expect(complaints).toEqual([]);
  });

  it.each([
    { name: 'another status', status: 500, body: 'oh', wrong: /500 oh/ },
    { name: 'no JSON', status: 200, body: 'oh', wrong: /wrong answer/ },
    { name: 'another shape', status: 200, body: { counter: -1 }, wrong: /wrong answer/ },
  ])('complains of $name', ({ status, body, wrong }) => {
    const { complaints, talk, hear } = start();
    talk.ask();
    expect(hear(status, body)).toBe(true);
    expect(complaints.join(' ')).toMatch(wrong);
  });

  it('complains of an answer that nobody asked for', () => {
    const { complaints, talk, hear } = start();
    talk.ask();
    hear(200, STATUS);
    hear(200, { ...STATUS, requests: 10 });
    expect(complaints.join(' ')).toMatch(/unasked/);
  });

  it('knows what the increments of others came to', () => {
    const { complaints, talk, hear } = start();
    const check = new CounterCheck(120);
    check.counted(121, 120);
    talk.checkAgainst(check);
    talk.ask();
    hear(200, STATUS);
    expect(complaints).toEqual([expect.stringMatching(/went back: 120 after 121/)]);
  });
});
