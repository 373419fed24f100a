import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import { decideCertificate, type ShownCertificate } from '../../core/decideCertificate.ts';
import type { PeerResponse } from '../../core/deviceApi.ts';

/** As the gateway has it for the control plane's part. */
const KNOWN_MS = 5_000;
/** For so long the control plane is waited for while a peer waits, milliseconds. */
const ANSWER_MS = 500;

/** What the control plane said last of a peer; null: it knows no such device. */
interface Known {
  peer: PeerResponse | null;
  at: number;
}

/** Whose certificates count on the link: not those of devices that were removed, nor those that a newer one has followed. */
export class KnownPeers {
  readonly #ask: (deviceId: string) => Promise<PeerResponse>;
  readonly #knownMs: number;
  readonly #known = new Map<string, Known>();

  /** `knownMs`: for so long a peer is taken for what was said of it, milliseconds. */
  constructor(ask: (deviceId: string) => Promise<PeerResponse>, knownMs = KNOWN_MS) {
    this.#ask = ask;
    this.#knownMs = knownMs;
  }

  /**
   * Whether a peer is to be served whose certificate names `deviceId`. One that was good is at once, and asked about anew behind
   * that: a move waits for no answer. While the control plane is away what it said last holds, and of whom it has never said
   * anything a certificate of its authority is enough: peers have to settle a move between them.
   */
  async allows(deviceId: string, certificate: ShownCertificate): Promise<boolean> {
    const known = this.#known.get(deviceId);
    if (known && isOf(known, certificate)) {
      if (performance.now() - known.at > this.#knownMs) void this.#learn(deviceId);
      return true;
    }
    // A peer ends a connection that is silent: what is not said in time is acted upon at the next look.
    const late = pause(ANSWER_MS, undefined, { ref: false }).then(() => this.#known.get(deviceId));
    const now = await Promise.race([this.#learn(deviceId), late]);
    return now === undefined || isOf(now, certificate);
  }

  /** Undefined while the control plane is away and has said nothing of it yet. */
  async #learn(deviceId: string): Promise<Known | undefined> {
    try {
      this.#remember(deviceId, await this.#ask(deviceId));
    } catch (error) {
      if (error instanceof DrayageError && error.cause_.code === 'unknownDevice')
        this.#remember(deviceId, null);
    }
    return this.#known.get(deviceId);
  }

  #remember(deviceId: string, peer: PeerResponse | null): void {
    this.#known.set(deviceId, { peer, at: performance.now() });
  }
}

/** Of an earlier version, which does not say more, all are. */
function isOf({ peer }: Known, certificate: ShownCertificate): boolean {
  if (peer?.certificate === undefined) return peer !== null;
  return decideCertificate(certificate, peer.certificate).action !== 'refuse';
}
