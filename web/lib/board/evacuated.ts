import type { Cause } from '../../../core/cause.ts';
import type { Device } from '../state/collections.ts';

/** Why a compute is not moved by hand from where it is; null when nothing speaks against it. */
export function evacuated(device: Pick<Device, 'name' | 'state'> | undefined): Cause | null {
  if (device?.state !== 'draining') return null;
  return {
    code: 'evacuationRunning',
    message: `${device.name} is being evacuated: its evacuation moves what runs on it.`,
    mend: 'Wait until it has ended. The operator can pause or cancel it.',
  };
}
