import type { JournalRecord } from './journal.ts';

/** What a device's journal says of who owns a group. */
export interface LastWord {
  /** At least this. */
  epoch: number;
  /** Null: this device. */
  owner: string | null;
}

/**
 * The newest word of a group's journal about its owner; null while a transfer is under way, and when the journal has none.
 * It is on this device's disk, so it outlives what the control plane forgets.
 * @param records the newest of each transfer, oldest transfer first
 */
export function lastWord(records: readonly JournalRecord[]): LastWord | null {
  for (const { role, state, epoch, peer } of records.toReversed()) {
    if (role === 'target') {
      if (state === 'owner') return { epoch, owner: null };
      // A copy that never ran says nothing of who owns the group.
      if (state === 'discarded') continue;
    } else {
      if (state === 'released') return { epoch, owner: peer.id };
      // It stayed, under the epoch that it had or a later one.
      if (state === 'thawed') return { epoch: epoch - 1, owner: null };
    }
    return null;
  }
  return null;
}
