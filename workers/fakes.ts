import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '../api/logger.ts';
import { FakeHost } from './fakes/fakeHost.ts';
import { serveOrders } from './fakes/orders.ts';
import { closeTemporalRuntime, installTemporalRuntime } from './node/temporalRuntime.ts';

/** Many fake devices in one process, as the lab orders them. `DRAYAGE_FAKES_DIR` is their folder, with the socket for orders. */
const log = createLogger(process.env.DRAYAGE_LOG_LEVEL ?? 'warn');
const folder = process.env.DRAYAGE_FAKES_DIR;
if (!folder?.startsWith('/')) {
  log.fatal('DRAYAGE_FAKES_DIR must name a folder, with its whole path');
  process.exit(2);
}
const socket = join(folder, 'orders.sock');
const hosts = new Map<string, FakeHost>();

process.on('unhandledRejection', (reason) =>
  log.error(
    { error: String(reason), stack: reason instanceof Error ? reason.stack : undefined },
    'unhandled',
  ),
);

installTemporalRuntime(log);
await mkdir(folder, { recursive: true, mode: 0o700 });
// Of a process that was killed.
await rm(socket, { force: true });
const server = serveOrders(hosts, (name) => new FakeHost(name, join(folder, name), log));
server.listen(socket);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close();
    void Promise.all([...hosts.values()].map((host) => host.stop()))
      .then(closeTemporalRuntime)
      .then(() => process.exit(0));
  });
}
