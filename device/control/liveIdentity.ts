import { type StoredIdentity, writeIdentity } from './identityStore.ts';

type Listener = (identity: StoredIdentity) => Promise<void> | void;

/** Who this device is, with the certificate that it shows now: it gets another one while its worker runs. */
export class LiveIdentity {
  readonly #stateDir: string;
  readonly #listeners: Listener[] = [];
  #current: StoredIdentity;

  constructor(stateDir: string, identity: StoredIdentity) {
    this.#stateDir = stateDir;
    this.#current = identity;
  }

  get current(): StoredIdentity {
    return this.#current;
  }

  /** Called with each new one once it is on disk, in the order of registration, and waited for. */
  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Keeps it for the next start, without taking it into use. */
  async keep(identity: StoredIdentity): Promise<void> {
    await writeIdentity(this.#stateDir, identity);
    this.#current = identity;
  }

  /** Keeps it, then takes it into use everywhere. */
  async replace(identity: StoredIdentity): Promise<void> {
    await this.keep(identity);
    for (const listener of this.#listeners) await listener(identity);
  }
}
