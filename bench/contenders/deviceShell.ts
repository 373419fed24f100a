import { onDevice } from '../../lab/deviceProcess.ts';
import { run } from '../../lab/machine/run.ts';
import type { Lab } from '../../lab/state.ts';

/** How the contenders' commands are found among the lab's processes. */
const PART = 'bench';
/** A checkpoint of 1 GB on a busy machine; seen: 15 s. */
const TIMEOUT_MS = 180_000;

/** Runs lines of shell on a device, as root; resolves with their output. @throws DrayageError commandFailed */
export async function shellOn(lab: Lab, device: string, script: string): Promise<string> {
  const [file, ...args] = await onDevice(lab, device, PART, ['sh', '-c', `set -eu\n${script}`]);
  return (await run(file, args, { timeoutMs: TIMEOUT_MS })).stdout.trim();
}

/** An address of the computes' network that the control plane gives to nobody, and the MAC that goes with it. */
export function spareAddress(lab: Lab, host: number): { ip: string; mac: string; prefix: number } {
  const ip = `10.${lab.subnet}.251.${host}`;
  const mac = ['02', '42', ...ip.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))].join(
    ':',
  );
  return { ip, mac, prefix: lab.addresses.prefix };
}
