import { answerTo, serviceRecords, type ServiceOnCard } from '../../core/dnsSd.ts';
import { type MdnsOptions, MdnsSockets } from './mdnsSockets.ts';

/** From the first announcement on a network to the second: the first may have been lost. Milliseconds. */
const AGAIN_MS = 1_000;

export interface Announcer {
  /** Says goodbye and ends. */
  close(): Promise<void>;
}

/** Announces a service by DNS-SD on every network where it is reached, with the address that it has there. */
export function announceService(service: Omit<ServiceOnCard, 'address'>, options: MdnsOptions): Announcer {
  const timers = new Set<NodeJS.Timeout>();
  const sockets = new MdnsSockets(options, (socket, address) => {
    const here = { ...service, address };
    socket.on('query', ({ questions }) => {
      const answer = answerTo(questions, here);
      if (answer) socket.respond(answer);
    });
    socket.respond(serviceRecords(here));
    timers.add(setTimeout(() => socket.respond(serviceRecords(here)), AGAIN_MS));
  });
  sockets.start();
  return {
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      const goodbye = ([address, socket]: (typeof sockets.open)[number]) =>
        new Promise<void>((resolve) =>
          socket.respond(serviceRecords({ ...service, address }, true), () => resolve()),
        );
      await Promise.all(sockets.open.map(goodbye));
      await sockets.close();
    },
  };
}
