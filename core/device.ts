import { z } from 'zod';
import { TrackerName } from './chooseTracker.ts';

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
  /** How it finds what a compute has changed that has never moved, and why so; earlier versions do not say. */
  dirtyTracker: z
    .object({
      name: z.enum(Object.values(TrackerName) as [TrackerName, ...TrackerName[]]),
      reason: z.string(),
    })
    .optional(),
  /** host:port where the device's link listens. */
  linkAddress: z.string(),
  /** Drayage's own version on the device. */
  version: z.string(),
});
export type Inventory = z.infer<typeof inventorySchema>;

/** Host of a link address, `host:port`. */
export function linkHost(linkAddress: string): string {
  return linkAddress.slice(0, linkAddress.lastIndexOf(':'));
}

/** TCP ports on which a device with this link address serves other devices: the link, and beside it the memory. */
export function servicePorts(linkAddress: string): number[] {
  const link = Number(linkAddress.slice(linkAddress.lastIndexOf(':') + 1));
  return [link, link + 1];
}

/** Name of the Temporal task queue that only this device's worker polls. */
export function deviceTaskQueue(deviceId: string): string {
  return `device-${deviceId}`;
}

/** Name of the task queue of the control worker: workflows and control activities. */
export const CONTROL_TASK_QUEUE = 'drayage-control';
