import { CancellationScope, log } from '@temporalio/workflow';

/** What takes steps back, newest first. A step registers its undo before it is begun; an undo may run twice. */
export class Undo {
  #steps: { name: string; run: () => Promise<unknown> }[] = [];
  #begun = false;

  /** @throws when steps are being taken back already: then no other may be begun */
  register(name: string, run: () => Promise<unknown>): void {
    if (this.#begun) throw new Error(`${name}: the move is being taken back`);
    this.#steps.push({ name, run });
  }

  /** Past the commit point nothing is undone. */
  forget(): void {
    this.#steps = [];
  }

  /** Runs all of them, also when the workflow was cancelled; one that fails does not keep the others from running. */
  async run(): Promise<void> {
    this.#begun = true;
    await CancellationScope.nonCancellable(async () => {
      for (const { name, run } of this.#steps.splice(0).reverse()) {
        try {
          await run();
        } catch (error) {
          log.error('an undo failed', { name, error: String(error) });
        }
      }
    });
  }
}
