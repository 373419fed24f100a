import { z } from 'zod';
import { compareVersions, leadingNumbers } from './compareVersions.ts';
import type { Inventory } from './device.ts';

/**
 * All that decides whether a compute of one device can move to another, whatever the compute. Devices with equal facts are of
 * one class: what may move where is worked out once for each two classes, not for each two devices.
 */
export const classFactsSchema = z.object({
  /** Drayage's own. */
  version: z.string(),
  architecture: z.string(),
  cgroupVersion: z.enum(['1', '2']),
  /** Its leading numbers. */
  criu: z.string(),
  /** Linux 6.16 and newer need CRIU 4.2. */
  criuTooOldForKernel: z.boolean(),
  /** What a runc before 1.2.7 has restored cannot be moved again. */
  runcRestoresOnce: z.boolean(),
  /** Sorted, each once. */
  cpuFeatures: z.array(z.string()),
});
export type DeviceClass = z.infer<typeof classFactsSchema>;

/** The class of a device with this inventory; equal ones are equal as JSON. */
export function deviceClass(inventory: Inventory): DeviceClass {
  const { version, architecture, cgroupVersion, criu, kernel, runc, cpuFeatures } = inventory;
  return {
    version,
    architecture,
    cgroupVersion,
    criu: leadingNumbers(criu),
    criuTooOldForKernel: compareVersions(kernel, '6.16') >= 0 && compareVersions(criu, '4.2') < 0,
    runcRestoresOnce: compareVersions(runc, '1.2.7') < 0,
    cpuFeatures: [...new Set(cpuFeatures)].sort(),
  };
}
