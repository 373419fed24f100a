import type { Client } from '../../client/createClient.ts';
import { formatBytes } from '../../core/memorySize.ts';
import { ALL, headersFor } from '../client.ts';
import { loadCredentials } from '../credentials.ts';

/** So long a person waits for names while typing, milliseconds. */
const PATIENCE_MS = 400;

/** Something that has a name, an id, or both. */
export interface Named {
  name?: string;
  id?: string;
  about: string;
}

type List = (client: Client, signal: AbortSignal) => Promise<Named[]>;

const LISTS = {
  app: async (client, signal) =>
    (await client.get('/apps', { ...ALL, signal })).items.map(({ name, id, state }) => ({
      ...{ name, id, about: state },
    })),
  compute: async (client, signal) =>
    (await client.get('/computes', { ...ALL, signal })).items.map(({ name, id, state, device }) => ({
      ...{ name, id, about: `${state} on ${device.name}` },
    })),
  device: async (client, signal) =>
    (await client.get('/devices', { ...ALL, signal })).items.map(({ name, id, state }) => ({
      ...{ name, id, about: state },
    })),
  evacuation: async (client, signal) =>
    (await client.get('/evacuations', { ...ALL, signal })).items.map(({ id, kind, device, state }) => ({
      ...{ id, about: `${kind} ${device?.name ?? ''}, ${state}` },
    })),
  group: async (client, signal) =>
    (await client.get('/groups', { ...ALL, signal })).items.map(({ name, id, computes }) => ({
      ...{ name, id, about: computes.map((one) => one.name).join(', ') },
    })),
  image: async (client, signal) =>
    (await client.get('/images', { ...ALL, signal })).items.map(({ name, id, bytes }) => ({
      ...{ name, id, about: formatBytes(bytes) },
    })),
  migration: async (client, signal) =>
    (await client.get('/migrations', { ...ALL, signal })).items.map(
      ({ id, compute, source, target, state }) => ({
        ...{ id, about: `${compute.name}: ${source.name} -> ${target.name}, ${state}` },
      }),
    ),
  registry: async (client, signal) =>
    (await client.get('/registries', { ...ALL, signal })).items.map(({ host, id, username }) => ({
      ...{ name: host, id, about: username },
    })),
  schedule: async (client, signal) =>
    (await client.get('/schedules', { ...ALL, signal })).items.map(({ name, id, action, cron }) => ({
      ...{ name, id, about: `${action} at ${cron}` },
    })),
  snapshot: async (client, signal) =>
    (await client.get('/snapshots', { ...ALL, signal })).items.map(({ name, id, compute, state }) => ({
      ...{ name, id, about: `${compute.name}, ${state}` },
    })),
  tenant: async (client, signal) =>
    (await client.get('/tenants', { ...ALL, signal })).items.map(({ name, id, role }) => ({
      ...{ name, id, about: role ?? '' },
    })),
  token: async (client, signal) =>
    (await client.get('/tokens', { ...ALL, signal })).items.map(({ name, id }) => ({
      ...{ id, about: name },
    })),
  volume: async (client, signal) =>
    (await client.get('/volumes', { ...ALL, signal })).items.map(({ id, name, compute }) => ({
      ...{ id, about: `${name} of ${compute.name}` },
    })),
  webhook: async (client, signal) =>
    (await client.get('/webhooks', { ...ALL, signal })).items.map(({ url, id }) => ({ id, about: url })),
} satisfies Record<string, List>;

/** What the control plane knows by names. */
export type LiveKind = keyof typeof LISTS;

/** All of a kind that the signed-in account sees; none when it is not signed in, or when there is no answer soon. */
export async function liveNames(kind: LiveKind, patienceMs = PATIENCE_MS): Promise<Named[]> {
  try {
    const [credentials, { createClient }] = await Promise.all([
      loadCredentials(),
      import('../../client/createClient.ts'),
    ]);
    const client = createClient({ url: credentials.url, headers: headersFor(credentials) });
    const list: List = LISTS[kind];
    return await list(client, AbortSignal.timeout(patienceMs));
  } catch {
    // Whatever it is: a person who types is not told of it here.
    return [];
  }
}
