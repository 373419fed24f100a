import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

interface Listen {
  host: string;
  port: number;
}

/** Passes TCP connections on from one address to another: to what listens on loopback alone. */
export async function forward(from: Listen, to: Listen): Promise<{ close: () => Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(to);
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      open.add(one);
      one.setNoDelay();
      one.pipe(other);
      // Either end's failure ends both: the device's client sees it and connects anew.
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(from.port, from.host);
  await once(server, 'listening');
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
