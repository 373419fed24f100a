import { createHmac, timingSafeEqual } from 'node:crypto';

const SEAL_BYTES = 32;

/**
 * Temporal's task tokens, bound to the device that they were handed to. A token names workflow, run and event, so whoever
 * knows these could make one; sealed, it is of use to that device only, and only if the gateway gave it out. The key is the
 * same in every gateway of an installation, so a task that was polled through one may be answered through another.
 */
export class SealedTokens {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** HMAC-SHA-256 over device and token, then the token. */
  seal(deviceId: string, token: Uint8Array): Buffer {
    return Buffer.concat([this.#sealOf(deviceId, token), token]);
  }

  /** The token itself; null when it was not sealed for this device. */
  open(deviceId: string, sealed: Uint8Array): Buffer | null {
    if (sealed.length <= SEAL_BYTES) return null;
    const token = Buffer.from(sealed.subarray(SEAL_BYTES));
    return timingSafeEqual(this.#sealOf(deviceId, token), sealed.subarray(0, SEAL_BYTES)) ? token : null;
  }

  #sealOf(deviceId: string, token: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(`${deviceId}\0`).update(token).digest();
  }
}
