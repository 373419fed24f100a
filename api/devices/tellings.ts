/** So long what a device repeats is not compared with the records again, milliseconds. */
const FRESH_MS = 6_000;

interface Telling {
  connection: WeakRef<object>;
  told: string;
  at: number;
}

/**
 * What devices tell of their computes. It is compared with the records when it is something new, when it comes by another
 * connection (the worker was started anew and acts on the answer), and every few seconds. With a thousand devices that repeat
 * themselves every two seconds, comparing it was most of what the database did.
 */
export class Tellings {
  readonly #last = new Map<string, Telling>();

  /** Whether it need not be compared: nothing was wrong with the same, a moment ago. */
  isRepeated(deviceId: string, connection: object, told: unknown, now = performance.now()): boolean {
    const last = this.#last.get(deviceId);
    if (last === undefined || now - last.at >= FRESH_MS || last.connection.deref() !== connection)
      return false;
    return last.told === JSON.stringify(told);
  }

  /** It was compared, and nothing was wrong with it. */
  note(deviceId: string, connection: object, told: unknown, now = performance.now()): void {
    this.#last.set(deviceId, { connection: new WeakRef(connection), told: JSON.stringify(told), at: now });
  }

  /** The next is compared, whatever it is. */
  forget(deviceId: string): void {
    this.#last.delete(deviceId);
  }
}
