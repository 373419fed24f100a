import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { setTimeout as pause } from 'node:timers/promises';

/** How often an activity that waits tells that its worker lives, milliseconds. */
const HEARTBEAT_MS = 1000;

/** Does `work`, telling the server every second that the worker lives, with `details`; ends early when cancelled. */
export async function beating<T>(
  work: () => Promise<T>,
  details: () => unknown = () => ({ attempt: activityInfo().attempt }),
): Promise<T> {
  const stop = new AbortController();
  const signal = cancellationSignal();
  const beat = (async () => {
    while (!stop.signal.aborted) {
      heartbeat(details());
      await pause(HEARTBEAT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  try {
    return await Promise.race([work(), cancelled(signal, stop.signal)]);
  } finally {
    stop.abort();
    await beat;
  }
}

function cancelled(signal: AbortSignal, stop: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = () => reject(signal.reason instanceof Error ? signal.reason : new Error('cancelled'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { signal: stop });
  });
}
