import { randomBytes } from 'node:crypto';
import { type ApiConfig, readConfig } from '../api/config.ts';
import { createLogger } from '../api/logger.ts';
import { type ApiServer, startApi } from '../api/server.ts';
import { announcementText, SERVICE_TYPE } from '../core/discovery.ts';
import { type Announcer, announceService } from '../device/mdns/announceService.ts';
import packageJson from '../package.json' with { type: 'json' };
import { sayFailure } from './sayFailure.ts';

/** The API's process: the user's REST and the devices' HTTPS. Ends on SIGINT and SIGTERM. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = createLogger(config.logLevel);
  const server = await startApi(config, logger);
  logger.info({ url: server.url, deviceUrl: server.deviceUrl }, 'the API is up');
  const announcer = announce(server, config, (message, detail) => logger.warn(detail, message));
  if (announcer)
    logger.info(
      { authority: server.context.authority.fingerprint },
      'announcing this control plane on the local network, by multicast DNS',
    );
  const close = async () => {
    await announcer?.close();
    await server.close();
  };
  const stop = () => {
    close().then(
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

/** Lets devices on the local network find the device API; null where that is switched off. */
function announce(
  { deviceUrl, context }: ApiServer,
  { mdns, deviceListen }: ApiConfig,
  log: (message: string, detail: Record<string, unknown>) => void,
): Announcer | null {
  if (!mdns) return null;
  const port = Number(new URL(deviceUrl).port);
  const authority = context.authority.fingerprint;
  // Several API processes of one control plane are several instances of the service.
  const instance = `drayage-${randomBytes(4).toString('hex')}`;
  const txt = announcementText({ version: packageJson.version, authority, port });
  return announceService({ type: SERVICE_TYPE, instance, port, txt }, { listening: deviceListen.host, log });
}

main().catch((error: unknown) => {
  sayFailure(error);
  process.exit(1);
});
