/** Largest epoch that is believed: one more for each move of a group, so no installation gets there. */
export const MAX_EPOCH = 2 ** 30;

/** What the database has of a compute that a device reports. */
export interface EpochRecord {
  deleted: boolean;
  /** Null: the group is placed nowhere. */
  placement: { device: string; epoch: number; transferOpen: boolean } | null;
}

export interface EpochDecision {
  /** `raise`: the record gets the reported epoch. `outdated`: the device may clear away what it has. All others change nothing. */
  action: 'keep' | 'raise' | 'claimed' | 'unknown' | 'outdated';
  reason: string;
}

/**
 * What a device's report, (compute, epoch), means for the record. Epochs only rise: a database that was restored from an
 * older backup hears the later ones from the devices. A report never takes a group away from another device, or one stolen
 * device could take them all: the owner on record gives it away itself, when it finds in its journal that it handed it over.
 * @param record null: the database has never heard of the compute
 */
export function decideEpoch(
  record: EpochRecord | null,
  reported: { device: string; epoch: number },
): EpochDecision {
  if (record === null)
    return { action: 'unknown', reason: 'the compute is younger than what the database knows' };
  const { deleted, placement } = record;
  if (deleted || placement === null) return { action: 'outdated', reason: 'the compute was deleted' };
  const later = reported.epoch > placement.epoch;
  const isOwner = placement.device === reported.device;
  if (!later)
    return isOwner
      ? { action: 'keep', reason: 'the record is as new as the report' }
      : { action: 'outdated', reason: 'it is placed on another device, under a later epoch' };
  if (placement.transferOpen) return { action: 'keep', reason: 'the open transfer decides' };
  if (isOwner) return { action: 'raise', reason: 'its owner has it under a later epoch' };
  return { action: 'claimed', reason: 'a device that is not its owner on record has it under a later epoch' };
}
