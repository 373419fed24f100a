import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { decideRenewal } from '../../core/decideRenewal.ts';
import { backOff } from '../../core/discovery.ts';
import type { ControlClient } from '../../device/control/controlClient.ts';
import type { LiveIdentity } from '../../device/control/liveIdentity.ts';
import { renewCertificate } from '../../device/control/renewCertificate.ts';
import { Repeating } from './repeating.ts';

const EVERY_MS = 2000;

interface Deps {
  identity: LiveIdentity;
  control: Pick<ControlClient, 'renew'>;
  log: Pick<Logger, 'info' | 'warn'>;
}

/** Renews this device's certificate before it runs out; after a failure again, less and less often. */
export class Renewals extends Repeating {
  readonly #deps: Deps;
  readonly #random = Math.random();
  #failures = 0;
  #notBefore = 0;

  constructor(deps: Deps) {
    super(EVERY_MS, () => this.#look());
    this.#deps = deps;
  }

  async #look(): Promise<void> {
    const { identity, control, log } = this.#deps;
    if (performance.now() < this.#notBefore) return;
    const { action, reason } = decideRenewal(
      validity(identity.current.certificate),
      Date.now(),
      this.#random,
    );
    if (action === 'wait') return;
    try {
      await renewCertificate(identity, control);
      const { validTo } = new X509Certificate(identity.current.certificate);
      log.info({ reason, validTo }, 'the certificate was renewed');
      this.#failures = 0;
    } catch (error) {
      if (this.#failures === 0)
        log.warn(
          { reason, error: String(error) },
          'the certificate cannot be renewed now; it is tried again',
        );
      this.#failures += 1;
      this.#notBefore = performance.now() + backOff(this.#failures, Math.random());
    }
  }
}

function validity(certificate: string): { validFrom: number; validTo: number } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { validFrom: Date.parse(validFrom), validTo: Date.parse(validTo) };
}
