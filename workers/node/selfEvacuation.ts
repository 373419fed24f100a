import type { Logger } from 'pino';
import { decideSelfEvacuation, type SelfEvacuationDecision } from '../../core/decideSelfEvacuation.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import { selfReadings } from '../../device/selfReadings.ts';
import type { NodeConfig } from './config.ts';
import { Repeating } from './repeating.ts';

const EVERY_MS = 10_000;

interface Deps {
  limits: NodeConfig['selfEvacuation'];
  control: Pick<ControlClient, 'evacuate'>;
  log: Pick<Logger, 'warn'>;
}

/** Looks after the device's battery and heat, and asks that it be emptied when a limit is passed; until it is answered. */
export class SelfEvacuation extends Repeating {
  #asked: SelfEvacuationDecision['cause'] = null;

  constructor({ limits, control, log }: Deps) {
    super(EVERY_MS, async () => {
      const { action, reason, cause } = decideSelfEvacuation(await selfReadings(), limits, this.#asked);
      if (action === 'wait' || cause === null) {
        this.#asked = cause;
        return;
      }
      try {
        await control.evacuate({ cause, deadlineSeconds: limits.deadlineSeconds, detail: reason });
        this.#asked = cause;
        log.warn({ cause, reason }, 'this device has asked to be emptied');
      } catch (error) {
        log.warn({ cause, reason, error: String(error) }, 'this device cannot ask to be emptied now');
      }
    });
  }
}
