/**
 * For so long after it has asked a device may let a compute be reached that may be started elsewhere when the device is lost,
 * milliseconds: six signs of life, so that one lost answer or a slow one shuts nothing. From the time at which the ticket was
 * in the device's kernel.
 */
export const LEASE_MS = 12_000;

/** What the control plane waits beyond that: for clocks that run differently, and for the kernel to drop what is on its way. */
export const LEASE_MARGIN_MS = 3_000;

/** What the control plane keeps of a device's lease. */
export interface LeaseRecord {
  /** One more each time that the device was declared dead. */
  generation: number;
  /** How often it was granted. */
  grants: number;
  dead: boolean;
}

export interface LeaseDecision {
  action: 'grant' | 'readmit' | 'refuse';
  reason: string;
}

/**
 * Whether a device gets the lease that it asks for.
 * @param shown the generation that the device believes in; null when it has not been told one yet
 */
export function decideLease({ generation, dead }: LeaseRecord, shown: number | null): LeaseDecision {
  if (shown !== generation) {
    const reason = dead
      ? 'it was declared dead and does not know yet'
      : 'it has to be told its generation first';
    return { action: 'refuse', reason };
  }
  // It learned the generation from a refusal: what it had was shut by then, and what is another's now it is told with this answer.
  if (dead) return { action: 'readmit', reason: 'it knows that it was declared dead' };
  return { action: 'grant', reason: 'it is alive' };
}

/** When one watcher saw a device's grants change last, by its own monotonic clock; milliseconds. */
export interface Seen {
  grants: number;
  atMs: number;
}

/**
 * Whether a device's lease has run out for certain. Nothing but the count of grants and one process's own monotonic clock is
 * looked at: a clock that is set changes nothing, and a watcher that begins anew gives everybody a whole lease.
 * @param seen null when the watcher has just begun
 */
export function decideDeath(
  { grants }: Pick<LeaseRecord, 'grants'>,
  seen: Seen | null,
  nowMs: number,
): { action: 'watch' | 'wait' | 'declareDead'; reason: string } {
  if (seen === null || seen.grants !== grants)
    return { action: 'watch', reason: 'its lease was granted since it was looked at last' };
  const silentMs = nowMs - seen.atMs;
  if (silentMs <= LEASE_MS + LEASE_MARGIN_MS)
    return { action: 'wait', reason: 'its lease may still be valid' };
  return {
    action: 'declareDead',
    reason: `it has not renewed its lease for ${String(Math.round(silentMs / 1000))} s`,
  };
}
