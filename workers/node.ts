import { flushCompileCache } from 'node:module';
import { NodeWorker } from './node/nodeWorker.ts';
import { readNodeConfig } from './node/config.ts';
import { createLogger } from '../api/logger.ts';

/** The process on a device: its Temporal worker, its link, and the machines that own its computes. */
const log = createLogger(process.env.DRAYAGE_LOG_LEVEL ?? 'info');
const worker = new NodeWorker(readNodeConfig(process.env), log);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    log.info({ signal }, 'stopping');
    void worker.stop();
  });
}
process.on('unhandledRejection', (reason) =>
  log.error(
    { error: String(reason), stack: reason instanceof Error ? reason.stack : undefined },
    'unhandled',
  ),
);

// Where NODE_COMPILE_CACHE is set. Node itself does it at the end, and not every worker comes to an orderly one.
flushCompileCache();

try {
  await worker.run();
  log.info('stopped');
  process.exit(0);
} catch (error) {
  log.fatal({ error: error instanceof Error ? error.message : String(error) }, 'the worker cannot run');
  process.exit(1);
}
