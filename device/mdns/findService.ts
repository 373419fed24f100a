import { setTimeout as pause } from 'node:timers/promises';
import { backOff } from '../../core/discovery.ts';
import { heardServices, type HeardService } from '../../core/dnsSd.ts';
import { type MdnsOptions, type MdnsSocket, MdnsSockets } from './mdnsSockets.ts';

export interface FindOptions extends MdnsOptions {
  signal: AbortSignal;
  /** Called once if the first question is not answered. */
  onNone: () => void;
}

/**
 * Looks for a service of a DNS-SD type on all networks of this machine, for as long as it takes, and resolves with what
 * `accept` makes of the first that it takes (null: not this one). It asks less and less often and listens all the time,
 * so that one that starts later is found by its announcement.
 */
export async function findService<T extends object>(
  type: string,
  accept: (heard: HeardService) => T | null,
  { signal, onNone, ...options }: FindOptions,
): Promise<T> {
  const found = Promise.withResolvers<T>();
  const ask = (socket: MdnsSocket) => socket.query([{ name: `${type}.local`, type: 'PTR' }]);
  const sockets = new MdnsSockets(options, (socket) => {
    socket.on('response', ({ answers, additionals }, { address }) => {
      for (const heard of heardServices([...answers, ...additionals], type, address)) {
        const taken = accept(heard);
        if (taken !== null) found.resolve(taken);
      }
    });
    ask(socket);
  });
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const none = async (attempt: number) => {
    await pause(backOff(attempt, Math.random()), undefined, { signal: either });
    return null;
  };
  sockets.start();
  try {
    for (let attempt = 0; ; attempt += 1) {
      const waited = none(attempt);
      const taken = await Promise.race([found.promise, waited]);
      if (taken !== null) {
        // What is left of the wait ends below, with nobody to tell.
        waited.catch(() => undefined);
        return taken;
      }
      if (attempt === 0) onNone();
      for (const [, socket] of sockets.open) ask(socket);
    }
  } finally {
    over.abort();
    await sockets.close();
  }
}
