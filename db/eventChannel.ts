import { openClient } from './connection.ts';

/** What the trigger on `event` notifies when a transaction with events is committed. */
export const EVENT_CHANNEL = 'drayage_event';

/** Between two attempts to reach a database that is away, seconds. */
const AGAIN_SECONDS = 0.5;

export interface EventChannel {
  close(): Promise<void>;
}

/**
 * Calls `wake` when events were committed, by whichever process, and each time the connection (one of its own) is there
 * again: what was notified meanwhile is lost. It is a wake-up and no more; the events are in the table.
 * @throws DrayageError badDatabaseUrl
 */
export function listenForEvents(databaseUrl: string, wake: () => void): EventChannel {
  const client = openClient(databaseUrl, {
    max: 1,
    backoff: () => AGAIN_SECONDS,
    connection: { application_name: 'drayage events' },
  });
  // A first attempt that fails is repeated like all later ones.
  client.listen(EVENT_CHANNEL, wake, wake).catch(() => undefined);
  return { close: () => client.end({ timeout: 1 }) };
}
