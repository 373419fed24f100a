import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';

/**
 * From a fake device's start to its end. Several share a process, so one that loses its power cannot simply stop existing:
 * after its end every step of it fails, and changes nothing more.
 */
export class Life {
  #over = false;

  end(): void {
    this.#over = true;
  }

  /** A step that takes `ms` milliseconds. @throws DrayageError deviceOff when the life ended meanwhile */
  async takes(ms: number): Promise<void> {
    await pause(ms);
    await this.lives();
  }

  /** @throws DrayageError deviceOff once the life is over */
  async lives(): Promise<void> {
    if (this.#over) throw deviceOff();
  }
}

function deviceOff(): DrayageError {
  const cause = {
    code: 'deviceOff',
    message: 'The fake device is off.',
    mend: 'Start it: drayage lab start.',
  };
  return new DrayageError(cause, { retryable: true });
}
