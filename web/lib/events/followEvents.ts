import { createParser } from 'eventsource-parser';
import { ProblemError } from '../../../client/problemError.ts';
import { type EventView, LAST_EVENT_ID, RESET } from '../../../core/api/events.ts';
import { type Link, linkAfter, waitAfter } from './link.ts';

/** Three signs of life that did not come: the connection is dead, milliseconds. */
const SILENCE_MS = 45_000;

export interface Following {
  /** Asks for the stream of what came after an event; null: from now on. */
  open: (lastEventId: string | null, signal: AbortSignal) => Promise<Response>;
  onEvent: (event: EventView) => void;
  /** The stream does not go on where it was before: what was read until now may be out of date. */
  onBegin: () => void;
  onLink: (link: Link) => void;
  /** Resolves after so many milliseconds, or sooner when there is a reason to try now. */
  pause: (ms: number) => Promise<void>;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Follows everything that happens until it is ended: a connection that ends is made again, and goes on after the last event.
 * @throws ProblemError when the control plane says no
 */
export async function followEvents(following: Following): Promise<void> {
  const { open, onBegin, onLink, pause, signal } = following;
  let last: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    const silence = watchSilence(signal);
    try {
      const response = await open(last, silence.signal);
      failures = 0;
      if (last === null) {
        last = response.headers.get(LAST_EVENT_ID);
        onBegin();
      }
      onLink('online');
      await read(response, silence.heard, (id, event) => {
        last = id ?? last;
        if (event.type === RESET) onBegin();
        else following.onEvent(event);
      });
    } catch (error) {
      if (isFinal(error)) throw error;
      failures += 1;
    } finally {
      silence.end();
    }
    if (signal.aborted) return;
    onLink(linkAfter(failures));
    await pause(waitAfter(failures, Math.random()));
  }
}

/** A signal that ends a connection on which nothing was heard for long. */
function watchSilence(outer: AbortSignal) {
  const silence = new AbortController();
  const give = () => setTimeout(() => silence.abort(new Error('Nothing was heard.')), SILENCE_MS);
  let timer = give();
  return {
    signal: AbortSignal.any([outer, silence.signal]),
    heard: () => {
      clearTimeout(timer);
      timer = give();
    },
    end: () => clearTimeout(timer),
  };
}

async function read(
  response: Response,
  heard: () => void,
  onEvent: (id: string | undefined, event: EventView) => void,
): Promise<void> {
  const parser = createParser({ onEvent: ({ id, data }) => onEvent(id, JSON.parse(data) as EventView) });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    heard();
    parser.feed(part.value);
  }
}

/** Whether the control plane says no: trying again does not help. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  const { status } = error.problem;
  return status < 500 && status !== 429;
}
