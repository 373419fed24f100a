/**
 * How many times as long a device waits for a peer or a program before it takes it for silent or stuck: DRAYAGE_PATIENCE in
 * the worker's environment, for a device whose processor is emulated. All devices of a control plane have the same.
 * @default 1
 */
const PATIENCE = Math.max(1, Number(process.env['DRAYAGE_PATIENCE'] ?? 1) || 1);

/** A time limit as this device keeps it, milliseconds. */
export function patient(ms: number): number {
  return ms * PATIENCE;
}
