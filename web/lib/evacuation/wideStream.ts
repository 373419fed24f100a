import { EventStream } from '../events/EventStream.svelte.ts';
import { session } from '../state/session.svelte.ts';
import { untilDestroyed } from '../state/Resource.svelte.ts';

/** What happens to what is no tenant's, for as long as a component lives: the stream of a tenant does not tell it. */
export function wideStream(): EventStream {
  const stream = untilDestroyed(new EventStream(session.account));
  stream.start();
  return stream;
}
