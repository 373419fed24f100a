import { z } from 'zod';

export const DeviceState = {
  discovered: 'discovered',
  pending: 'pending',
  ready: 'ready',
  cordoned: 'cordoned',
  draining: 'draining',
  drained: 'drained',
  unreachable: 'unreachable',
  retired: 'retired',
} as const;
export type DeviceState = (typeof DeviceState)[keyof typeof DeviceState];

/** What a device says of itself at join and with every heartbeat. */
export const inventorySchema = z.object({
  hostname: z.string(),
  /** Node's `process.arch`, e.g. x64 or arm64. */
  architecture: z.string(),
  kernel: z.string(),
  engine: z.string(),
  criu: z.string(),
  runc: z.string(),
  cgroupVersion: z.enum(['1', '2']),
  cgroupDriver: z.string(),
  /** Flags of /proc/cpuinfo that a program may have decided on at its start, sorted. */
  cpuFeatures: z.array(z.string()),
  cpus: z.number().int(),
  memoryBytes: z.number().int(),
  memoryAvailableBytes: z.number().int(),
  diskBytes: z.number().int(),
  diskAvailableBytes: z.number().int(),
  /** host:port where the device's link listens. */
  linkAddress: z.string(),
  /** Drayage's own version on the device. */
  version: z.string(),
});
export type Inventory = z.infer<typeof inventorySchema>;

/** Name of the Temporal task queue that only this device's worker polls. */
export function deviceTaskQueue(deviceId: string): string {
  return `device-${deviceId}`;
}

/** Name of the task queue of the control worker: workflows and control activities. */
export const CONTROL_TASK_QUEUE = 'drayage-control';
