import { join } from 'node:path';
import { readConfig } from '../api/config.ts';
import { Gateway } from '../api/gateway/gateway.ts';
import { upstreamOf } from '../api/gateway/upstream.ts';
import { createLogger } from '../api/logger.ts';
import { openAuthority } from '../api/pki/authority.ts';
import { controlHosts } from '../api/server.ts';
import { openDatabase } from '../db/database.ts';
import { sayFailure } from './sayFailure.ts';

/**
 * Through which devices reach Temporal; a process of its own, so that moves go on while the API is started anew. Ends on
 * SIGINT and SIGTERM.
 */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLogger(config.logLevel);
  const database = openDatabase(config.databaseUrl, { connections: 2 });
  const authority = await openAuthority(join(config.dataDir, 'pki'));
  const gateway = new Gateway({
    listen: config.gatewayListen,
    temporal: upstreamOf(config.temporal),
    identity: await authority.controlIdentity(controlHosts(config)),
    ca: authority.certificate,
    sealKey: authority.secretFor('task tokens'),
    db: database.db,
    log,
  });
  const port = await gateway.listen();
  log.info({ port }, 'the gateway is up');
  const stop = () => {
    gateway.close();
    void database.close().finally(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  sayFailure(error);
  process.exit(1);
});
