import { setTimeout as pause } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Client } from '../client/createClient.ts';
import { ProblemError } from '../client/problemError.ts';
import { type EventView, eventSchema, LAST_EVENT_ID } from '../core/api/events.ts';
import { DrayageError } from '../core/cause.ts';

/** Three signs of life that did not come: the connection is dead, milliseconds. */
const SILENCE_MS = 45_000;
/** First and longest wait before the control plane is asked again, milliseconds. */
const AGAIN_MS = { first: 250, most: 5_000 };

/**
 * Everything that happens from now on, without end: a connection that ends is made again, and goes on after the last event.
 * `note` is told, in a sentence, when it begins, when the control plane goes away and when it is back.
 * @throws ProblemError when it refuses, DrayageError apiAway when it is away at the first attempt
 */
export async function* followEvents(
  client: Client,
  query: { types?: string | undefined; subject?: string | undefined },
  note: (line: string) => void,
): AsyncGenerator<EventView, never> {
  let last: string | null = null;
  let away = false;
  let wait = AGAIN_MS.first;
  for (;;) {
    const silence = new AbortController();
    const watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const header: { [LAST_EVENT_ID]: string } | undefined =
        last === null ? undefined : { [LAST_EVENT_ID]: last };
      const response: Response = await client.open('/events', {
        params: { query, header },
        signal: silence.signal,
      });
      if (last === null) note('following events; Ctrl-C ends it');
      else if (away) note('the control plane is back');
      last ??= response.headers.get(LAST_EVENT_ID);
      away = false;
      wait = AGAIN_MS.first;
      for await (const { id, data } of messages(response, () => watchdog.refresh())) {
        last = id ?? last;
        yield readEvent(data);
      }
    } catch (error) {
      if (last === null || !mayPass(error)) throw error;
      if (!away) note('the control plane does not answer; waiting for it');
      away = true;
    } finally {
      clearTimeout(watchdog);
    }
    await pause(wait);
    if (away) wait = Math.min(wait * 2, AGAIN_MS.most);
  }
}

async function* messages(response: Response, heard: () => void): AsyncGenerator<EventSourceMessage> {
  const waiting: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => waiting.push(message) });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    heard();
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* waiting.splice(0);
  }
}

function readEvent(data: string): EventView {
  const parsed = eventSchema.safeParse(JSON.parse(data));
  if (parsed.success) return parsed.data;
  throw new DrayageError(
    {
      code: 'unexpectedAnswer',
      message: 'An event of the control plane is not what this CLI expects.',
      mend: "Use the CLI of the control plane's version.",
    },
    { cause: parsed.error },
  );
}

/** Whether trying again can help: not when the control plane says no, or speaks otherwise than this CLI. */
function mayPass(error: unknown): boolean {
  if (error instanceof DrayageError) return error.retryable;
  if (!(error instanceof ProblemError)) return true;
  const { status } = error.problem;
  return status >= 500 || status === 429;
}
