import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';

/** The process's one runtime of Temporal's SDK, whose warnings go to our log. Call it before the first worker is made. */
export function installTemporalRuntime(log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
      log[level === 'ERROR' ? 'error' : 'warn']({ ...meta }, message),
    ),
  });
}

/** After the last worker has ended. */
export async function closeTemporalRuntime(): Promise<void> {
  await Runtime.instance()
    .shutdown()
    .catch(() => undefined);
}
