import type { Complain } from '../../../lab/demo/client/conversation.ts';
import { REDIS_KEYS, REDIS_VALUE_BYTES } from '../../../lab/programs/services.ts';
import type { Talk } from './talk.ts';
import { TextReader } from './textReader.ts';

/** Keys that a connection writes itself. */
const OWN_KEYS = 1_000;
/** The answer to GET of a key that is not there. */
const NIL = null;

type Expected = { ok: true } | { value: string | null } | { anyOf: string };

/**
 * GET and SET of random keys. Those that `DEBUG POPULATE` has made keep their values; those of its own have what it wrote
 * last. Each connection has its own, told apart by `name`.
 */
export class RedisTalk implements Talk {
  readonly #name: string;
  readonly #complain: Complain;
  readonly #reader = new TextReader();
  /** What was written last, by key. */
  readonly #written = new Map<string, string>();
  /** Keys of which a lost connection has left open whether they were written. */
  readonly #open = new Set<string>();
  #key = '';
  #count = 0;
  #expected: Expected = { ok: true };
  /** Of the value whose length has come; -1 for none. */
  #length = -1;

  constructor(name: string, complain: Complain) {
    this.#name = name;
    this.#complain = complain;
  }

  ask(): string {
    const kind = this.#count % 3;
    this.#count += 1;
    if (kind === 0) return this.#askPopulated();
    this.#key = `own:${this.#name}:${Math.floor(Math.random() * OWN_KEYS)}`;
    if (kind === 1) return this.#write(`${this.#name}:${this.#count}:${'x'.repeat(this.#count % 100)}`);
    const value = this.#written.get(this.#key) ?? NIL;
    this.#expected = this.#open.has(this.#key) ? { anyOf: this.#key } : { value };
    return request('GET', this.#key);
  }

  hear(bytes: Buffer, length: number): boolean {
    this.#reader.feed(bytes, length);
    if (this.#length < 0) {
      const line = this.#reader.until('\r\n');
      if (line === null) return false;
      if (!/^\$\d+$/.test(line)) return this.#answered(line === '$-1' ? { value: NIL } : { line });
      this.#length = Number(line.slice(1));
    }
    const text = this.#reader.take(this.#length + 2);
    if (text === null) return false;
    this.#length = -1;
    return this.#answered({ value: text.slice(0, -2) });
  }

  lost(asked: boolean): void {
    this.#reader.reset();
    this.#length = -1;
    if (asked && 'ok' in this.#expected) this.#open.add(this.#key);
  }

  #askPopulated(): string {
    const number = Math.floor(Math.random() * REDIS_KEYS);
    this.#expected = { value: `value:${number}`.padEnd(REDIS_VALUE_BYTES, '\0') };
    return request('GET', `key:${number}`);
  }

  #write(value: string): string {
    this.#written.set(this.#key, value);
    this.#open.delete(this.#key);
    this.#expected = { ok: true };
    return request('SET', this.#key, value);
  }

  /** Always true: whatever came is the answer. */
  #answered(answer: { value: string | null } | { line: string }): true {
    const expected = this.#expected;
    const right =
      'line' in answer
        ? 'ok' in expected && answer.line === '+OK'
        : 'anyOf' in expected || ('value' in expected && expected.value === answer.value);
    if (!right) this.#complain(`not what ${this.#key} should have: ${JSON.stringify(answer).slice(0, 100)}`);
    return true;
  }
}

/** In the protocol RESP. All words are latin1. */
function request(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
