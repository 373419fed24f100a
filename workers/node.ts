import { flushCompileCache } from 'node:module';
import { openRealMachine } from '../device/realMachine.ts';
import packageJson from '../package.json' with { type: 'json' };
import { createLogger } from '../api/logger.ts';
import { POLLING } from './node/activityRunner.ts';
import { readNodeConfig } from './node/config.ts';
import { NodeWorker } from './node/nodeWorker.ts';
import { closeTemporalRuntime, installTemporalRuntime } from './node/temporalRuntime.ts';

/** The process on a device: its Temporal worker, its link, and the machines that own its computes. */
const log = createLogger(process.env.DRAYAGE_LOG_LEVEL ?? 'info');
const config = readNodeConfig(process.env);
const worker = new NodeWorker({
  config,
  polling: POLLING,
  log,
  openMachine: () =>
    openRealMachine({
      ...config,
      version: packageJson.version,
      log: (message, detail) => log.info(detail, message),
    }),
});

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
  installTemporalRuntime(log);
  await worker.run();
  await closeTemporalRuntime();
  log.info('stopped');
  process.exit(0);
} catch (error) {
  log.fatal({ error: error instanceof Error ? error.message : String(error) }, 'the worker cannot run');
  process.exit(1);
}
