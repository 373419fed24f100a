import type { DeviceState } from './device.ts';
import { DrayageError } from './cause.ts';

/** How far an application is: from its upload to its compute. */
export const AppState = {
  queued: 'queued',
  /** The device gets the base image. */
  fetching: 'fetching',
  /** The device builds the image. */
  building: 'building',
  /** The control plane gets the image. */
  storing: 'storing',
  /** Its compute is made and started. */
  starting: 'starting',
  running: 'running',
  failed: 'failed',
} as const;
export type AppState = (typeof AppState)[keyof typeof AppState];

/** The build has ended; what becomes of the compute is told by the compute. */
export const FINAL_APP_STATES: readonly AppState[] = ['running', 'failed'];

/** Of a build's log; more is cut off at the device. */
export const LOG_MAX_LINES = 2000;
export const LOG_LINE_MAX_CHARACTERS = 1000;

/** A build takes time: the device that was ready for it may no longer take computes. @throws DrayageError deviceNotReady */
export function requireStillReady(device: { name: string; state: DeviceState }): void {
  if (device.state === 'ready') return;
  throw new DrayageError({
    code: 'deviceNotReady',
    message: `Device ${device.name}, which has built it, is ${device.state} by now.`,
    mend: 'Upload the application again: another device is chosen.',
  });
}
