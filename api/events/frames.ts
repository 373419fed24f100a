import type { EventView } from '../../core/api/events.ts';
import type { Event } from '../../db/events.ts';

/** An event as the API shows it. */
export function eventView({ id, type, subject, actor, message, data, at }: Event): EventView {
  return { id, type, subject, actor, message, data, at: at.toISOString() };
}

/** An event as it goes over the wire; without an id the client's place in the stream stays what it is. */
export function frameOf(event: EventView): Buffer {
  const id = event.id === null ? '' : `id: ${String(event.id)}\n`;
  // JSON has no line breaks of its own, so the data is one line.
  return Buffer.from(`${id}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}
