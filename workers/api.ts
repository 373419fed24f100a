import { readConfig } from '../api/config.ts';
import { createLogger } from '../api/logger.ts';
import { startApi } from '../api/server.ts';
import { DrayageError } from '../core/cause.ts';

/** The API's process: the user's REST and the devices' HTTPS. Ends on SIGINT and SIGTERM. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  const server = await startApi(config, logger);
  logger.info({ url: server.url, deviceUrl: server.deviceUrl }, 'the API is up');
  const stop = () => {
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'the API did not end in order');
        process.exit(1);
      },
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof DrayageError ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
});
