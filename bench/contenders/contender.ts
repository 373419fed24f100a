import type { Lab } from '../../lab/state.ts';
import type { Step } from '../sample.ts';
import type { Workload } from '../workloads.ts';

/** What became of a move, by the contender's own account. */
export interface Outcome {
  succeeded: boolean;
  reason: string;
  steps: Step[];
  frozenMs: number | null;
  totalMs: number;
  wireBytes: number | null;
  tracker: string | null;
  restore: string | null;
  rounds: number;
}

/** A workload that runs on the source. */
export interface Running {
  ip: string;
  /** Container that runs it, by the name that the device's own engine has for it. */
  container: string;
  /** Moves it to the target, once. Resolves when the contender says that it is done, well or not. */
  move: () => Promise<Outcome>;
  /** Moves it back to where it was started; of a contender to which a program that has been moved is another than a fresh one. */
  moveBack?: () => Promise<Outcome>;
  /** Ends it, wherever it is, with all that it had. */
  remove(): Promise<void>;
}

/** Something that moves containers from one device of a lab to another. */
export interface Contender {
  /** Makes the lab's devices ready for it. */
  setUp(lab: Lab): Promise<void>;
  /** Starts a workload on the first device; resolves once it runs. */
  start(workload: Workload): Promise<Running>;
  /** Removes all that `setUp` made; a lab that is taken down afterwards needs no more. */
  tearDown(): Promise<void>;
}
