import { CancellationScope, condition, defineUpdate, patched, setHandler } from '@temporalio/workflow';
import type { TransferInput } from '../core/moveInput.ts';
import { deviceActivities } from './activityProxies.ts';
import { ABORT_UPDATE, type AbortAnswer } from './contract.ts';

const abortUpdate = defineUpdate<AbortAnswer, []>(ABORT_UPDATE);

type Stage =
  /** Nothing is frozen: the steps under way are cancelled. */
  | { name: 'untouched' }
  /** The devices are at it: the source's machine is asked, and its protocol decides. */
  | { name: 'switching'; source: string; transfer: TransferInput }
  /** The computes stay on the source, for another reason. */
  | { name: 'staying' }
  /** The target owns the computes. */
  | { name: 'moved' };

/** Lets a person stop a move before its commit point; afterwards it says that it is too late, and why. */
export class Abortable {
  /** What is cancelled by an abort as long as nothing is frozen. */
  readonly scope = new CancellationScope({ cancellable: true });
  #stage: Stage = { name: 'untouched' };
  #accepted = false;

  constructor() {
    setHandler(abortUpdate, () => this.#answer());
  }

  /** Whether the move ends because a person stopped it. */
  get accepted(): boolean {
    return this.#accepted;
  }

  switching(source: string, transfer: TransferInput): void {
    this.#stage = { name: 'switching', source, transfer };
  }

  staying(): void {
    this.#stage = { name: 'staying' };
  }

  moved(): void {
    this.#stage = { name: 'moved' };
  }

  async #answer(): Promise<AbortAnswer> {
    const stage = this.#stage;
    switch (stage.name) {
      case 'untouched':
        this.#accepted = true;
        this.scope.cancel();
        await condition(() => true);
        return { accepted: true, reason: 'The move is stopped; the compute was not touched.' };
      case 'switching':
        // Moves that began before the devices could be asked say no.
        if (!patched('abort-in-switch')) return { accepted: false, reason: 'The switch is under way.' };
        return this.#askSource(stage);
      case 'staying':
        return { accepted: true, reason: 'The move is ending already; the compute runs on on the source.' };
      case 'moved':
        return { accepted: false, reason: 'The compute runs on the target.' };
    }
  }

  /** The source's answer, or, should the switch have ended before the source is heard, how that was. */
  async #askSource(stage: Stage & { name: 'switching' }): Promise<AbortAnswer> {
    const { source, transfer } = stage;
    const asking = new CancellationScope({ cancellable: true });
    const answer = asking.run(() => deviceActivities(source)('stop the switch').abortSwitch(transfer));
    answer.catch(() => undefined);
    const ended = condition(() => this.#stage !== stage).then(() => null);
    const first = await Promise.race([answer, ended]);
    if (first === null) {
      asking.cancel();
      return this.#answer();
    }
    this.#accepted ||= first.accepted;
    return first;
  }
}
