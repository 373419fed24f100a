import { EventStream } from '../events/EventStream.svelte.ts';
import { untilDestroyed } from './Resource.svelte.ts';
import { session } from './session.svelte.ts';

/** What happens in all tenants, and to what is of none, as long as a component lives: the stream of a tenant does not tell it. */
export function wideStream(): EventStream {
  const stream = untilDestroyed(new EventStream(session.account));
  stream.start();
  return stream;
}
