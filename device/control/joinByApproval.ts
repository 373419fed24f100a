import { setTimeout as pause } from 'node:timers/promises';
import { type Cause, DrayageError } from '../../core/cause.ts';
import type { Inventory } from '../../core/device.ts';
import { discoverResponseSchema } from '../../core/deviceApi.ts';
import {
  type Announcement,
  decideAuthority,
  decideNextAsk,
  readAnnouncement,
  SERVICE_TYPE,
} from '../../core/discovery.ts';
import { findService } from '../mdns/findService.ts';
import { HttpsJson } from './httpsJson.ts';
import type { StoredIdentity } from './identityStore.ts';
import { presentedAuthority } from './joinControlPlane.ts';
import {
  fingerprintOfKey,
  openWaitingKey,
  selfSigned,
  type WaitingKey,
  writeWaitingKey,
} from './waitingKey.ts';

export interface ApprovalInput {
  stateDir: string;
  /** What the device would like to be called. */
  name: string;
  /** Of the control plane; without it one is looked for on the local network. */
  controlUrl?: string | undefined;
  inventory: () => Promise<Inventory>;
  /** What happens, each line once. */
  log: (message: string, detail: Record<string, unknown>) => void;
  signal: AbortSignal;
  /** Whether it ends where somebody has to do something first: with the operator's no, or a wrong clock. @default false */
  endWhenRefused?: boolean;
}

/** A network full of strangers must not fill this device's log. */
const MOST_LINES = 200;

/** A control plane that is asked, over TLS with the one authority that this device trusts. */
interface Contact {
  url: string;
  https: HttpsJson;
}

type Answer =
  | { kind: 'joined'; identity: StoredIdentity }
  | { kind: 'waiting'; deviceId: string }
  | { kind: 'failed'; cause: Cause };

/**
 * Asks to join without a token and waits until the operator has approved this device, however long that takes. The key
 * stays here; a certificate that the device made itself proves it. The authority that is learned first is the only one
 * that is trusted from then on (`forgetWaitingKey` ends that).
 * @throws DrayageError deviceRefused and clockWrong, with `endWhenRefused`; what `signal` was aborted with
 */
export function joinByApproval(input: ApprovalInput): Promise<StoredIdentity> {
  return new Joining(input).run();
}

class Joining {
  readonly #input: ApprovalInput;
  readonly #said = new Set<string>();
  #waiting: WaitingKey = { key: '', csr: '', authority: null };
  #certificate = '';
  #contact: Contact | null = null;

  constructor(input: ApprovalInput) {
    this.#input = input;
  }

  async run(): Promise<StoredIdentity> {
    const { stateDir, name, signal } = this.#input;
    this.#waiting = await openWaitingKey(stateDir, name);
    this.#certificate = await selfSigned(this.#waiting);
    const keyFingerprint = fingerprintOfKey(this.#waiting.key);
    this.#say('this device asks to join and waits for the operator to approve it', { name, keyFingerprint });
    let failures = 0;
    try {
      for (;;) {
        const answer = await this.#attempt();
        if (answer.kind === 'joined') return answer.identity;
        failures = answer.kind === 'failed' ? failures + 1 : 0;
        if (answer.kind === 'waiting')
          this.#say('the control plane knows this device; compare the key, then approve it there', {
            device: answer.deviceId,
            keyFingerprint,
          });
        else this.#failed(answer.cause);
        const next = decideNextAsk(answer, failures, Math.random());
        if (next.action === 'look') this.#leave();
        await pause(next.waitMs, undefined, { signal });
      }
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    this.#contact?.https.close();
    this.#contact = null;
  }

  /** What goes wrong is an answer too, but the end that somebody ordered. */
  async #attempt(): Promise<Answer> {
    try {
      this.#contact ??= await this.#find();
      return await this.#ask(this.#contact);
    } catch (error) {
      this.#input.signal.throwIfAborted();
      if (error instanceof DrayageError) return { kind: 'failed', cause: error.cause_ };
      return { kind: 'failed', cause: { code: 'unexpected', message: String(error), mend: '' } };
    }
  }

  #failed(cause: Cause): void {
    const ends = this.#input.endWhenRefused === true && ['deviceRefused', 'clockWrong'].includes(cause.code);
    if (ends) throw new DrayageError(cause);
    this.#say('this device cannot join now; it is tried again', { ...cause }, cause.message);
  }

  async #find(): Promise<Contact> {
    const { controlUrl } = this.#input;
    const found = controlUrl === undefined ? await this.#listen() : { url: controlUrl, authority: null };
    const { fingerprint, certificate } = await presentedAuthority(new URL(found.url));
    const seen = { pinned: this.#waiting.authority, announced: found.authority, presented: fingerprint };
    const { action, reason } = decideAuthority(seen);
    if (action === 'ignore') {
      throw new DrayageError({
        code: 'wrongAuthority',
        message: `The control plane at ${found.url} is not asked: ${reason}.`,
        mend: 'If it is the right one, forget the first: `drayage device join --new-key`. A join token proves the authority.',
      });
    }
    if (action === 'pin') await this.#pin(found.url, fingerprint);
    const { key } = this.#waiting;
    return {
      url: found.url,
      https: new HttpsJson(found.url, { ca: certificate, key, certificate: this.#certificate }),
    };
  }

  async #pin(url: string, authority: string): Promise<void> {
    this.#waiting = { ...this.#waiting, authority };
    await writeWaitingKey(this.#input.stateDir, this.#waiting);
    this.#say('the authority of the first control plane found is pinned: trusted from now on, and no other', {
      authority,
      control: url,
    });
  }

  async #listen(): Promise<Announcement> {
    const { log, signal } = this.#input;
    this.#say('looking for a control plane on the local network', {});
    return findService(SERVICE_TYPE, (heard) => this.#accept(readAnnouncement(heard)), {
      log,
      signal,
      onNone: () => this.#say('no control plane has answered yet; this device goes on looking', {}),
    });
  }

  #accept(announced: Announcement | null): Announcement | null {
    const { authority: pinned } = this.#waiting;
    if (announced === null || pinned === null || announced.authority === pinned) return announced;
    this.#say('a control plane with another authority than the pinned one is ignored', {
      control: announced.url,
      authority: announced.authority,
      pinned,
    });
    return null;
  }

  async #ask({ url, https }: Contact): Promise<Answer> {
    const { name, inventory, controlUrl } = this.#input;
    const { key, csr } = this.#waiting;
    const answer = await https.call('POST', '/device/v1/discovery', discoverResponseSchema, {
      csr,
      name,
      inventory: await inventory(),
      clock: Date.now(),
    });
    if (answer.state === 'discovered') return { kind: 'waiting', deviceId: answer.deviceId };
    const { deviceId, certificate, ca, temporal } = answer;
    const found = controlUrl === undefined ? { controlUrl: url } : {};
    return { kind: 'joined', identity: { deviceId, key, certificate, ca, temporal, ...found } };
  }

  /** Says a line that was not said before; `same` is what makes two of a message the same. */
  #say(message: string, detail: Record<string, unknown>, same = JSON.stringify(detail)): void {
    const line = `${message} ${same}`;
    if (this.#said.has(line) || this.#said.size >= MOST_LINES) return;
    this.#said.add(line);
    this.#input.log(message, detail);
  }
}
