import { HOT_PHASES, type PhaseName } from '../../../core/migration.ts';

/** A phase of a move, or its hot window as a whole. */
export type StepName = PhaseName | 'switch';

export interface StepWords {
  label: string;
  /** What is done in it, one sentence. */
  meaning: string;
}

/** What people read of each phase. */
export const STEP_WORDS: Record<StepName, StepWords> = {
  preflight: { label: 'Preflight', meaning: 'Checks whether the compute can run on the target.' },
  prepare: {
    label: 'Prepare',
    meaning: 'Brings image, network, container and files to the target while the compute runs.',
  },
  precopy: {
    label: 'Pre-copy',
    meaning: 'Copies the memory round by round while the compute runs.',
  },
  arm: {
    label: 'Arm',
    meaning: 'Starts on both devices everything that the hot window needs. It waits there.',
  },
  switch: { label: 'Hot window', meaning: 'From the shut queue on the target to its opening.' },
  plug: {
    label: 'Plug',
    meaning: 'Shuts the queue on the target and leads the network there: packets wait and are not lost.',
  },
  freeze: { label: 'Freeze', meaning: 'Stops the compute on the source, between two instructions.' },
  dump: { label: 'Dump', meaning: 'Writes down its processes, files and connections.' },
  transfer: { label: 'Transfer', meaning: 'Sends what has changed since the last round.' },
  restore: { label: 'Restore', meaning: 'Makes its processes on the target, with their connections.' },
  handOver: { label: 'Hand over', meaning: 'The target becomes the owner: the commit point.' },
  unplug: { label: 'Unplug', meaning: 'Opens the queue: the packets that waited come in.' },
  filling: {
    label: 'Fill memory',
    meaning: 'The compute runs on the target; the rest of its memory is put in place.',
  },
  release: { label: 'Release', meaning: 'Clears the source of what the move has left there.' },
  rollback: { label: 'Roll back', meaning: 'Undoes what was prepared; the compute runs on on the source.' },
};

/** Whether a phase is one of the hot window. */
export function isHot(name: StepName): boolean {
  return name === 'switch' || HOT_PHASES.includes(name);
}
