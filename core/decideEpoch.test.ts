import { expect, test } from 'vitest';
import { decideEpoch, type EpochRecord } from './decideEpoch.ts';

const record = (
  epoch: number,
  over: Partial<EpochRecord> & { transferOpen?: boolean } = {},
): EpochRecord => ({
  deleted: over.deleted ?? false,
  placement: { device: 'owner', epoch, transferOpen: over.transferOpen ?? false },
});

test.each<[string, EpochRecord | null, string, number, string]>([
  ['never lowers', record(5), 'owner', 4, 'keep'],
  ['has nothing to do when both agree', record(5), 'owner', 5, 'keep'],
  ['raises to what the owner reports', record(5), 'owner', 7, 'raise'],
  ['leaves it to an open transfer', record(5, { transferOpen: true }), 'owner', 6, 'keep'],
  ['gives nothing to another device', record(5), 'other', 6, 'claimed'],
  ['leaves the target of an open transfer alone', record(5, { transferOpen: true }), 'other', 6, 'keep'],
  ['tells what another device has of an earlier epoch', record(5), 'other', 5, 'outdated'],
  ['tells what nobody owns any more', { deleted: false, placement: null }, 'owner', 5, 'outdated'],
  ['tells what was deleted', record(5, { deleted: true }), 'owner', 9, 'outdated'],
  ['lets be what the database has never heard of', null, 'owner', 1, 'unknown'],
])('%s', (_name, known, device, epoch, action) => {
  expect(decideEpoch(known, { device, epoch }).action).toBe(action);
});
