import { networkInterfaces } from 'node:os';
import multicastDns from 'multicast-dns';
import { multicastAddresses } from '../../core/discovery.ts';

export type MdnsSocket = multicastDns.MulticastDNS;

/** How often the machine's cards are looked at, milliseconds: one may get its address, or go, at any time. */
const LOOK_MS = 5_000;

export interface MdnsOptions {
  /** Address at which the announced service listens; multicast DNS is spoken where that is reached. @default everywhere */
  listening?: string;
  /** What does not work, once for each card and reason. */
  log: (message: string, detail: Record<string, unknown>) => void;
}

/**
 * Multicast DNS on all of this machine's networks: a socket for each card with an IPv4 address, for a socket sends on one
 * card only. Cards that come and go are followed until `close`.
 */
export class MdnsSockets {
  readonly #options: MdnsOptions;
  readonly #opened: (socket: MdnsSocket, address: string) => void;
  readonly #sockets = new Map<string, MdnsSocket>();
  readonly #said = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `opened` is called with every new socket, before it is bound: what is sent on it meanwhile waits. */
  constructor(options: MdnsOptions, opened: (socket: MdnsSocket, address: string) => void) {
    this.#options = options;
    this.#opened = opened;
  }

  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Those that are open, with the address of their card. */
  get open(): [address: string, socket: MdnsSocket][] {
    return [...this.#sockets];
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    await Promise.all(sockets.map(destroy));
  }

  #look(): void {
    const addresses = multicastAddresses(networkInterfaces(), this.#options.listening);
    for (const [address, socket] of this.#sockets) {
      if (addresses.includes(address)) continue;
      this.#sockets.delete(address);
      void destroy(socket);
    }
    for (const address of addresses) if (!this.#sockets.has(address)) this.#openOn(address);
  }

  #openOn(address: string): void {
    // Bound to the card's address it would not hear what is sent to the group.
    const socket = multicastDns({ interface: address, bind: '0.0.0.0' });
    this.#sockets.set(address, socket);
    socket.on('error', (error) => {
      this.#say(address, error);
      // The next look tries again.
      if (this.#sockets.get(address) === socket) this.#sockets.delete(address);
      void destroy(socket);
    });
    // Packets that are damaged, and networks that are away for a moment, are no news.
    socket.on('warning', () => undefined);
    this.#opened(socket, address);
  }

  #say(address: string, error: Error): void {
    const line = `${address} ${error.message}`;
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.#options.log('multicast DNS cannot be spoken on a network; it is tried again', {
      address,
      error: error.message,
    });
  }
}

function destroy(socket: MdnsSocket): Promise<void> {
  return new Promise((resolve) => socket.destroy(resolve));
}
