import { pino, type Logger } from 'pino';

/** What never gets into a log, wherever it stands in an object. */
const SECRETS = ['token', 'password', 'secret', 'key', 'authorization', 'cookie', 'csr', 'certificate'];

/** A process's log: JSON lines on standard error, secrets left out. `DRAYAGE_LOG_LEVEL` sets the level. @default info */
export function createLog(name: string): Logger {
  return pino(
    {
      name,
      level: process.env.DRAYAGE_LOG_LEVEL ?? 'info',
      redact: { paths: SECRETS.flatMap((path) => [path, `*.${path}`]), censor: '[secret]' },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination(2),
  );
}
