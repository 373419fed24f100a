import { readSettings } from './embedded/settings.ts';
import { startControlPlane } from './embedded/supervise.ts';
import { sayFailure } from './sayFailure.ts';

/** The whole control plane in one command: PostgreSQL, Temporal, the API, the control worker. Ends on SIGINT, SIGTERM. */
async function main(): Promise<void> {
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  const plane = await startControlPlane(readSettings(process.env, process.getuid!()), say, stopping.signal);
  const { api, temporalUi } = plane.addresses;
  say(
    `ready: dashboard and API ${api}, its docs ${api}/api/docs${temporalUi === null ? '' : `, Temporal's UI ${temporalUi}`}`,
  );
  try {
    await Promise.race([plane.ended, stopped]);
  } finally {
    say('ending');
    await plane.stop();
  }
}

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString()} control plane: ${line}\n`);
}

main().catch((error: unknown) => {
  sayFailure(error);
  process.exitCode = 1;
});
