import type { Client, Schemas } from '../../../client/createClient.ts';
import { PROGRESS } from '../../../core/api/events.ts';
import { FINAL_MIGRATION_STATES } from '../../../core/migration.ts';
import type { Listenable } from '../events/EventStream.svelte.ts';
import { LiveList } from './LiveList.svelte.ts';

export type Device = Schemas['Device'];
export type Compute = Schemas['Compute'];
export type Migration = Schemas['Migration'];

/** The newest moves; the list of them has no end. */
const KEPT_MIGRATIONS = 200;
const MOVED = FINAL_MIGRATION_STATES.map((state) => `migration.${state}`);
const names = new Intl.Collator('en', { numeric: true });

/** As people count: node-2 before node-10. */
export const byName = (one: { name: string }, other: { name: string }): number =>
  names.compare(one.name, other.name);

/** All devices. */
export function liveDevices(client: Client, stream: Listenable): LiveList<Device> {
  return new LiveList<Device>(stream, {
    readPage: (query, signal) => client.get('/devices', { params: { query }, signal }),
    readOne: (id, signal) => client.get('/devices/{id}', { params: { path: { id } }, signal }),
    changedBy: ({ type, subject }) => (type.startsWith('device.') ? [subject] : []),
    order: byName,
  });
}

/** Whose things a list has: the tenant's that is looked at, or with `all` everybody's, for the operator. */
export interface ListedOptions {
  all?: boolean;
}
const asked = ({ all }: ListedOptions) => (all === true ? { all: 'true' } : {});

/** All computes of the tenant, or of all tenants. */
export function liveComputes(
  client: Client,
  stream: Listenable,
  options: ListedOptions = {},
): LiveList<Compute> {
  return new LiveList<Compute>(stream, {
    readPage: (page, signal) =>
      client.get('/computes', { params: { query: { ...page, ...asked(options) } }, signal }),
    readOne: (id, signal) => client.get('/computes/{id}', { params: { path: { id } }, signal }),
    changedBy: ({ type, subject, data }) => {
      if (type.startsWith('compute.')) return [subject];
      // Where it is has changed.
      return MOVED.includes(type) && typeof data['compute'] === 'string' ? [data['compute']] : [];
    },
    order: byName,
  });
}

/** The newest moves of the tenant, or of all tenants, newest first. */
export function liveMigrations(
  client: Client,
  stream: Listenable,
  options: ListedOptions = {},
): LiveList<Migration> {
  return new LiveList<Migration>(stream, {
    readPage: (page, signal) =>
      client.get('/migrations', { params: { query: { ...page, ...asked(options) } }, signal }),
    readOne: (id, signal) => client.get('/migrations/{id}', { params: { path: { id } }, signal }),
    changedBy: ({ type, subject }) => (type.startsWith('migration.') ? [subject] : []),
    patch: (migration, { type, data }) =>
      type === PROGRESS ? { ...migration, progress: data as Migration['progress'] } : undefined,
    order: newestFirst,
    keep: KEPT_MIGRATIONS,
  });
}

/** Times of the same form are in the order of their texts. */
const newestFirst = (one: Migration, other: Migration) => (one.createdAt < other.createdAt ? 1 : -1);
