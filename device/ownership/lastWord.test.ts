import { expect, test } from 'vitest';
import type { JournalRecord } from './journal.ts';
import { lastWord } from './lastWord.ts';

const say = (role: 'source' | 'target', state: string, epoch: number): JournalRecord =>
  ({
    role,
    state,
    epoch,
    transfer: '0'.repeat(32),
    group: 'grp_000000000000',
    peer: { id: `peer of ${epoch}`, linkAddress: '' },
    computes: [],
    reason: '',
    at: 0,
  }) as JournalRecord;

test.each<[string, JournalRecord[], object | null]>([
  ['nothing', [], null],
  ['owner of what arrived', [say('target', 'owner', 2)], { epoch: 2, owner: null }],
  [
    'gave it away',
    [say('target', 'owner', 2), say('source', 'released', 3)],
    { epoch: 3, owner: 'peer of 3' },
  ],
  ['kept it', [say('target', 'owner', 2), say('source', 'thawed', 3)], { epoch: 2, owner: null }],
  [
    'gave it away, and a later copy was discarded',
    [say('source', 'released', 3), say('target', 'discarded', 4)],
    { epoch: 3, owner: 'peer of 3' },
  ],
  ['a move away is under way', [say('target', 'owner', 2), say('source', 'handed', 3)], null],
  ['a move here is under way', [say('source', 'released', 3), say('target', 'held', 4)], null],
])('%s', (_name, records, word) => {
  expect(lastWord(records)).toEqual(word);
});
