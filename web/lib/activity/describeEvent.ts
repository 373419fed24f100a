import type { EventView } from '../../../core/api/events.ts';

/** Kinds of things that something happens to, as they stand before the dot of an event's type. */
export const KINDS: Record<string, string> = {
  migration: 'Moves',
  compute: 'Computes',
  device: 'Devices',
  image: 'Images',
  app: 'Applications',
  runtime: 'Runtimes',
  tenant: 'Tenants',
  webhook: 'Webhooks',
  token: 'Tokens',
  account: 'Accounts',
};

const PAGES: Record<string, string> = {
  ...{ migration: '/migrations', compute: '/computes', device: '/devices', app: '/apps' },
};
/** Types after which what they are about is not there any more. */
const GONE = ['deleted', 'retired', 'forgotten'];

/** The kind of an event: `compute` of `compute.running`. */
export function kindOf({ type }: Pick<EventView, 'type'>): string {
  return type.split('.')[0] ?? type;
}

/** The page of what an event is about; null where there is none. */
export function subjectHref(event: Pick<EventView, 'type' | 'subject'>): string | null {
  const page = PAGES[kindOf(event)];
  if (page === undefined || GONE.some((end) => event.type.endsWith(`.${end}`))) return null;
  return `${page}/${encodeURIComponent(event.subject)}`;
}

/** Who did it, in words: one's own account, a member's email, a device's name; what nobody knows by its id. */
export function actorWords(
  actor: string | null,
  me: string | undefined,
  names: ReadonlyMap<string, string>,
): string {
  if (actor === null) return 'control plane';
  if (actor === me) return 'you';
  return names.get(actor) ?? actor;
}

export type EntryResult = { tone: 'ok' | 'warn' | 'bad'; word: string };

/** What came of a request, of the status of its answer. */
export function resultOf(status: number): EntryResult {
  if (status < 400) return { tone: 'ok', word: 'Done' };
  return status < 500 ? { tone: 'warn', word: 'Refused' } : { tone: 'bad', word: 'Failed' };
}
