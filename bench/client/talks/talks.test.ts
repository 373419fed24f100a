import { beforeEach, describe, expect, test } from 'vitest';
import { REDIS_KEYS, REDIS_VALUE_BYTES } from '../../../lab/programs/services.ts';
import { CommandTalk } from './commandTalk.ts';
import { HttpTalk } from './httpTalk.ts';
import { PagesTalk } from './pagesTalk.ts';
import { RedisTalk } from './redisTalk.ts';
import type { Talk } from './talk.ts';

let wrong: string[] = [];
const complain = (line: string) => wrong.push(line);
beforeEach(() => {
  wrong = [];
});

/** Says a text to a talk in pieces; true once it has taken an answer. */
function tell(talk: Talk, text: string, pieceLength = text.length): boolean {
  let answered = false;
  for (let from = 0; from < text.length; from += pieceLength) {
    const bytes = Buffer.from(text.slice(from, from + pieceLength), 'latin1');
    answered = talk.hear(bytes, bytes.length, 0) || answered;
  }
  return answered;
}

describe('pages', () => {
  test('an answer is that to the question, and says that the page is right', () => {
    const talk = new PagesTalk(complain);
    expect(talk.ask()).toBe('get 1\n');
    expect(tell(talk, '1 ok')).toBe(false);
    expect(tell(talk, ' 7\n')).toBe(true);
    talk.ask();
    tell(talk, '1 ok 7\n');
    talk.ask();
    tell(talk, '3 WRONG 5 at 1\n');
    expect(wrong).toEqual(['1 ok 7', '3 WRONG 5 at 1']);
  });

  test('half an answer of a lost connection is forgotten', () => {
    const talk = new PagesTalk(complain);
    talk.ask();
    tell(talk, '1 o');
    talk.lost();
    talk.ask();
    expect(tell(talk, '2 ok 1\n')).toBe(true);
    expect(wrong).toEqual([]);
  });
});

describe('http', () => {
  const answer = (body: string, status = '200 OK') =>
    `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  test('each answer has to be what the first was', () => {
    const talk = new HttpTalk('10.0.0.1', complain);
    expect(talk.ask()).toBe('GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n');
    expect(tell(talk, answer('hello'), 7)).toBe(true);
    expect(tell(talk, answer('hello'))).toBe(true);
    expect(wrong).toEqual([]);
    tell(talk, answer('hullo'));
    tell(talk, answer('hello', '502 Bad Gateway'));
    tell(talk, 'nonsense\r\n\r\n');
    expect(wrong).toHaveLength(3);
  });
});

/** A database that does what redis does, and can be made to forget. */
class Database {
  readonly values = new Map<string, string>();

  answer(question: string): string {
    const [word, key = '', value = ''] = question
      .split('\r\n')
      .filter((_, index) => index > 0 && index % 2 === 0);
    if (word === 'SET') {
      this.values.set(key, value);
      return '+OK\r\n';
    }
    const populated = /^key:(\d+)$/.exec(key)?.[1];
    const found =
      populated === undefined ? this.values.get(key) : `value:${populated}`.padEnd(REDIS_VALUE_BYTES, '\0');
    return found === undefined ? '$-1\r\n' : `$${found.length}\r\n${found}\r\n`;
  }
}

describe('redis', () => {
  test('what a right database answers is right, in whatever pieces it comes', () => {
    const [talk, database] = [new RedisTalk('0', complain), new Database()];
    const questions = new Set<string>();
    for (let count = 0; count < 3_000; count += 1) {
      const question = talk.ask();
      questions.add(question.split('\r\n')[2] ?? '');
      expect(tell(talk, database.answer(question), 1 + (count % 400))).toBe(true);
    }
    expect(wrong).toEqual([]);
    expect([...questions].sort()).toEqual(['GET', 'SET']);
    expect(database.values.size).toBeGreaterThan(500);
  });

  test("a write that was lost, a stale value, another key's value and an error are told", () => {
    const [talk, database] = [new RedisTalk('0', complain), new Database()];
    const go = (times: number) => {
      for (let count = 0; count < times; count += 1) tell(talk, database.answer(talk.ask()));
    };
    go(3_000);
    expect(wrong).toEqual([]);
    for (const key of database.values.keys()) database.values.set(key, 'stale');
    go(3_000);
    expect(wrong.length).toBeGreaterThan(100);
    database.values.clear();
    wrong = [];
    go(3_000);
    expect(wrong.some((line) => line.includes('null'))).toBe(true);
    wrong = [];
    talk.ask();
    tell(talk, '-ERR out of memory\r\n');
    expect(wrong[0]).toMatch(/ERR out of memory/);
  });

  test('of a populated key the whole value counts', () => {
    const talk = new RedisTalk('0', complain);
    const number = Number(/key:(\d+)/.exec(talk.ask())?.[1]);
    expect(number).toBeLessThan(REDIS_KEYS);
    tell(talk, `$7\r\nvalue:1\r\n`);
    expect(wrong).toHaveLength(1);
  });

  test('whether a write was done whose connection was lost is not known, and no answer about it wrong', () => {
    const [talk, database] = [new RedisTalk('0', complain), new Database()];
    for (let count = 0; count < 3_000; count += 1) {
      const question = talk.ask();
      const lost = question.includes('SET') && count % 2 === 0;
      if (lost) talk.lost(true);
      else tell(talk, database.answer(question));
    }
    expect(wrong).toEqual([]);
  });
});

test('a command is a line, its answer the next', () => {
  const talk = new CommandTalk();
  talk.command = 'stat 0';
  expect(talk.ask()).toBe('stat 0\n');
  expect(tell(talk, '0 1 0')).toBe(false);
  expect(tell(talk, ' 2 3\r\n')).toBe(true);
  expect(talk.answer).toBe('0 1 0 2 3');
});
