import type { Cause } from './cause.ts';

/** A device's clock may differ from the control plane's by so much, milliseconds: what is said of it took its way, too. */
export const CLOCK_TOLERANCE_MS = 300_000;

/**
 * What is wrong with a device's clock: certificates are checked by it, and logs and records bear its times. `offsetMs` is how
 * far it is ahead of the control plane's; null when the device did not say, as earlier versions do not.
 */
export function clockCauses(name: string, offsetMs: number | null): Cause[] {
  if (offsetMs === null || Math.abs(offsetMs) <= CLOCK_TOLERANCE_MS) return [];
  const way = offsetMs > 0 ? 'ahead of' : 'behind';
  return [
    {
      code: 'clockWrong',
      message: `The clock of device ${name} is ${span(Math.abs(offsetMs))} ${way} the control plane's.`,
      mend: 'Set the clock of whichever is wrong, and keep both by NTP: `timedatectl set-ntp true`.',
    },
  ];
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${String(minutes)} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${String(hours)} hours` : `${String(Math.round(hours / 24))} days`;
}
