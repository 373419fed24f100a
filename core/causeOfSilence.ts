import type { Cause } from './cause.ts';

interface Step {
  device: 'source' | 'target';
  /** Completes "The worker of the source device ended, or did not answer, while ...". */
  doing: string;
}

/** What a device does for a move, by the name of the activity. */
const STEPS: Record<string, Step> = {
  inspectSource: { device: 'source', doing: 'the compute was being looked at' },
  prepareTarget: { device: 'target', doing: 'the target was being prepared' },
  syncFiles: { device: 'source', doing: 'files were being copied' },
  openMemory: { device: 'source', doing: 'the copy of memory was being begun' },
  copyRound: { device: 'source', doing: 'memory was being copied' },
  awaitRoundEnding: { device: 'source', doing: 'memory was being copied' },
  throttleComputes: { device: 'source', doing: 'the compute was being slowed down' },
  armSource: { device: 'source', doing: 'the source was being armed' },
  armTarget: { device: 'target', doing: 'the target was being armed' },
};

/** Of a snapshot; the compute runs on by itself. */
const SNAPSHOT: Cause = {
  code: 'workerLost',
  message: "The worker of the compute's device ended, or did not answer, while the snapshot was being made.",
  mend: "Look at the log of that device's worker, then make the snapshot again; the compute runs on.",
};

const RESTORE: Cause = {
  code: 'workerLost',
  message: 'The worker of the device ended, or did not answer, while the compute was being restored.',
  mend: "Look at the log of that device's worker, then start the compute to try again; the snapshot is as it was.",
};

/** The cause of a step of a move or a snapshot that nobody answered for, as often as it was tried; null for what is none of these. */
export function causeOfSilence(activity: string): Cause | null {
  if (activity === 'takeSnapshot' || activity === 'inspectForSnapshot') return SNAPSHOT;
  if (activity === 'restoreSnapshot') return RESTORE;
  const step = STEPS[activity];
  if (!step) return null;
  return {
    code: activity === 'copyRound' ? 'copyLost' : 'workerLost',
    message: `The worker of the ${step.device} device ended, or did not answer, while ${step.doing}.`,
    mend: `Look at the log of the ${step.device} device's worker, then try again; the compute was not touched.`,
  };
}
