import { setTimeout as pause } from 'node:timers/promises';
import { DrayageError } from '../../core/cause.ts';
import type { Exchange } from '../../core/linkMessages.ts';
import type { TransferReport, Verdict, VerdictWish } from '../../core/transfer.ts';
import { LinkClient } from '../link/linkClient.ts';
import type { TransferDeps, TransferRequest } from './ports.ts';

/** Between two tries to report an end, milliseconds. */
const REPORT_AGAIN_MS = 1000;

/** What a party says outside its session: to the other device, and to the control plane. Silence is an answer, too. */
export class TransferTalk {
  readonly #deps: TransferDeps;
  readonly #request: TransferRequest;
  #ended = false;

  constructor(deps: TransferDeps, request: TransferRequest) {
    this.#deps = deps;
    this.#request = request;
  }

  /** Nothing more is reported. */
  end(): void {
    this.#ended = true;
  }

  /** Tells the other device one's state over a connection of its own; null when it does not answer. */
  async exchange(body: Exchange): Promise<unknown> {
    let link: LinkClient | null = null;
    try {
      link = await LinkClient.connect(this.#deps.identity(), this.#request.peer);
      return await link.call(`/v1/transfers/${this.#request.transfer}/exchange`, body);
    } catch (error) {
      this.#silent('the other device does not answer', error);
      return null;
    } finally {
      link?.close();
    }
  }

  /** The control plane's verdict; null when it does not answer. */
  async ask(role: 'source' | 'target', wants: VerdictWish): Promise<Verdict | null> {
    try {
      return (await this.#deps.control.ask(this.#request.transfer, role, wants)).verdict;
    } catch (error) {
      this.#silent('the control plane does not answer', error);
      return null;
    }
  }

  /** Reports an end until the control plane has it on record, this one or another, or until `end`. */
  async report(outcome: TransferReport): Promise<void> {
    while (!this.#ended) {
      try {
        await this.#deps.control.report(this.#request.transfer, outcome);
        return;
      } catch (error) {
        this.#silent(`the end ${outcome} was not reported`, error);
        if (error instanceof DrayageError && !error.retryable) return;
        await pause(REPORT_AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  #silent(message: string, error: unknown): void {
    this.#deps.log(message, { transfer: this.#request.transfer, error: String(error) });
  }
}
