import pino, { type Logger } from 'pino';

/** Nothing that signs anybody in is ever logged, wherever in a record it stands. */
const SECRETS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'secret',
  'csr',
  'key',
  'passwordHash',
  'secretHash',
  'apiKey',
  'databaseUrl',
  'tls',
];

export function createLogger(level: string, destination?: pino.DestinationStream): Logger {
  const paths = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*.headers.${name}`]);
  const options = { level, redact: { paths: [...paths, '*.headers["set-cookie"]'], censor: '[secret]' } };
  return destination ? pino(options, destination) : pino(options);
}
