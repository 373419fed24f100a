import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AdvisoryLock } from './locks.ts';

const MIGRATIONS = new URL('migrations/', import.meta.url);

test('no two things have one lock', () => {
  const numbers = Object.values(AdvisoryLock);
  expect(new Set(numbers).size).toBe(numbers.length);
});

test('what the database takes by itself is the lock of events', () => {
  const files = readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql'));
  const text = files.map((name) => readFileSync(new URL(name, MIGRATIONS), 'utf8')).join('\n');
  const taken = [...text.matchAll(/advisory_xact_lock\((\d+)\)/g)].map(([, number]) => Number(number));
  expect(new Set(taken)).toEqual(new Set([AdvisoryLock.events]));
});
