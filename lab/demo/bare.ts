import { z } from 'zod';
import { CHECKOUT_ON_DEVICE, onDevice } from '../deviceProcess.ts';
import { run } from '../machine/run.ts';
import type { Lab } from '../state.ts';
import { median } from './figures.ts';

const NODE = `${CHECKOUT_ON_DEVICE}/node_modules/node/bin/node`;
const PROGRAM = `${CHECKOUT_ON_DEVICE}/lab/demo/bareOnDevice.ts`;
/** Seven turns and their preparation; seen: 6 s. */
const TIMEOUT_MS = 120_000;

const samplesSchema = z.object({
  checkpointMs: z.array(z.number()).min(1),
  restoreMs: z.array(z.number()).min(1),
});

/** Wall times of runc alone, milliseconds; medians. */
export interface BareFigures {
  /** Checkpoint and restore together. */
  bareMs: number;
  checkpointMs: number;
  restoreMs: number;
  samples: { checkpointMs: number; restoreMs: number }[];
}

/**
 * How long a bare, warm `runc checkpoint` and `runc restore` of a container take on one device: a copy of it, frozen
 * first, without Drayage's wrapper and without a network. @param container id or name of a running container
 */
export async function measureBare(lab: Lab, device: string, container: string): Promise<BareFigures> {
  const [file, ...args] = await onDevice(lab, device, 'exec', [NODE, '--no-warnings', PROGRAM, container]);
  const { stdout } = await run(file, args, { timeoutMs: TIMEOUT_MS });
  const { checkpointMs, restoreMs } = samplesSchema.parse(JSON.parse(stdout));
  const samples = checkpointMs.map((ms, index) => ({ checkpointMs: ms, restoreMs: restoreMs[index] ?? 0 }));
  return {
    bareMs: median(samples.map((sample) => sample.checkpointMs + sample.restoreMs)),
    checkpointMs: median(checkpointMs),
    restoreMs: median(restoreMs),
    samples,
  };
}
