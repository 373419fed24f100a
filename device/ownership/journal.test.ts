import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal, type JournalRecord } from './journal.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(directory, { recursive: true }));

const record = (transfer: string, state: 'frozen' | 'offered' | 'thawed'): JournalRecord => ({
  role: 'source',
  state,
  reason: 'test',
  transfer: transfer.repeat(32),
  group: 'grp_000000000001',
  epoch: 2,
  peer: { id: 'dev_000000000001', linkAddress: '10.0.0.2:7444' },
  computes: [],
  at: 1,
});

test('what was appended is there after a reopen', async () => {
  const journal = await Journal.open(directory, 'g');
  await journal.append(record('a', 'frozen'));
  await journal.append(record('a', 'offered'));
  await journal.close();
  const again = await Journal.open(directory, 'g');
  expect(again.latest().map(({ state }) => state)).toEqual(['offered']);
  expect(again.find('a'.repeat(32))?.state).toBe('offered');
  await again.close();
});

test('a torn last record is dropped, those before it are kept', async () => {
  const journal = await Journal.open(directory, 'g');
  await journal.append(record('a', 'frozen'));
  await journal.append(record('a', 'offered'));
  const text = await readFile(journal.path, 'utf8');
  await journal.close();
  const file = await open(journal.path, 'r+');
  await file.write(Buffer.from('XXXX'), 0, 4, text.indexOf('\0') - 8);
  await file.close();
  const again = await Journal.open(directory, 'g');
  expect(again.latest().map(({ state }) => state)).toEqual(['frozen']);
  await again.close();
});

test('an append changes neither the size nor what is behind it', async () => {
  const journal = await Journal.open(directory, 'g');
  const before = (await stat(journal.path)).size;
  for (let count = 0; count < 50; count += 1) await journal.append(record('b', 'frozen'));
  expect((await stat(journal.path)).size).toBe(before);
  await journal.close();
});

test('a full journal is rewritten and keeps the newest state of each transfer', async () => {
  const journal = await Journal.open(directory, 'g');
  for (let count = 0; count < 1500; count += 1)
    await journal.append(record('c', count % 2 === 0 ? 'frozen' : 'offered'));
  await journal.append(record('d', 'thawed'));
  await journal.close();
  const again = await Journal.open(directory, 'g');
  expect(again.latest().map(({ transfer, state }) => [transfer[0], state])).toEqual([
    ['c', 'offered'],
    ['d', 'thawed'],
  ]);
  await again.close();
});

test('after a failed write it takes nothing more', async () => {
  const journal = await Journal.open(directory, 'g');
  await journal.close();
  await expect(journal.append(record('a', 'frozen'))).rejects.toThrow('cannot be written');
  await expect(journal.append(record('a', 'frozen'))).rejects.toThrow('cannot be written');
});

test('appends that are not awaited stay in order', async () => {
  const journal = await Journal.open(directory, 'g');
  await Promise.all([
    journal.append(record('a', 'frozen')),
    journal.append(record('a', 'offered')),
    journal.append(record('a', 'thawed')),
  ]);
  expect(journal.find('a'.repeat(32))?.state).toBe('thawed');
  await journal.close();
});
