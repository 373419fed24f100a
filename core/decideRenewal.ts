/** For so long before it was issued a certificate is valid: a device's clock may be behind, milliseconds. */
export const BACKDATED_MS = 86_400_000;

/** A certificate is renewed when less than this share of its lifetime is left. */
const RENEW_AT = 1 / 3;
/** By so much of that share it may be later, by chance: devices that joined together do not all renew at once. */
const SPREAD = 1 / 4;

export interface Renewal {
  action: 'renew' | 'wait';
  reason: string;
}

/**
 * Whether a device renews its certificate now. Times in milliseconds since 1970, by the device's clock; `random` in [0, 1)
 * is the same for as long as its worker runs. One that has run out is renewed too: it is the key that proves the device.
 */
export function decideRenewal(
  certificate: { validFrom: number; validTo: number },
  now: number,
  random: number,
): Renewal {
  const { validFrom, validTo } = certificate;
  const left = validTo - now;
  if (left <= 0) return { action: 'renew', reason: 'it has run out' };
  const lifetime = validTo - validFrom - BACKDATED_MS;
  if (left < lifetime * RENEW_AT * (1 - random * SPREAD))
    return { action: 'renew', reason: 'less than a third of its lifetime is left' };
  return { action: 'wait', reason: 'more than a third of its lifetime is left' };
}
