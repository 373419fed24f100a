import { z } from 'zod';

/** Where an image lies in a registry. */
export interface RegistryReference {
  /** `name` or `name:port`. */
  host: string;
  repository: string;
  tag: string | null;
  /** Of the manifest; goes before the tag. */
  digest: string | null;
}

/** What stands for a reference without a host, and where it is. */
const HUB = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];
const HUB_HOST = 'registry-1.docker.io';

const HOST = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?';
const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST_ONLY = new RegExp(`^${HOST}$`);
const REFERENCE = new RegExp(
  `^(?:(?<host>${HOST})/)?(?<path>${PART}(?:/${PART})*)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
);

/** `host` or `host:port` of a registry. */
export const registryHostSchema = z
  .string()
  .max(260)
  .regex(HOST_ONLY, 'must be the host of a registry, such as registry.example.org:5000')
  .transform(registryHost);

/** As people write it: `web`, `shop/web:1.2`, `registry.example.org:5000/shop/web@sha256:...`. */
export const registryReferenceSchema = z
  .string()
  .max(512)
  .refine((text) => parseReference(text) !== null, 'must be like registry.example.org/shop/web:1.2');

/** Null when it is none. A first part without dot and port is no host, as Docker has it. */
export function parseReference(text: string): RegistryReference | null {
  const found = REFERENCE.exec(text)?.groups;
  if (!found) return null;
  const { host = '', path = '', tag, digest } = found;
  const isHost = /[.:]/.test(host) || host === 'localhost';
  const repository = isHost || host === '' ? path : `${host}/${path}`;
  // A host that is none and not in small letters is no part of a path either.
  if (!isHost && host !== '' && !new RegExp(`^${PART}$`).test(host)) return null;
  const at = registryHost(isHost ? host : HUB_HOST);
  const official = at === HUB_HOST && !repository.includes('/');
  return {
    host: at,
    repository: official ? `library/${repository}` : repository,
    tag: tag ?? (digest === undefined ? 'latest' : null),
    digest: digest ?? null,
  };
}

/** One spelling for one registry. */
function registryHost(host: string): string {
  const lower = host.toLowerCase();
  return HUB.includes(lower) ? HUB_HOST : lower;
}

/** What an image is called here unless a name is given: its path, and its tag if that is not `latest`. */
export function nameOfReference({ repository, tag }: RegistryReference): string {
  const path = repository.replace(/^library\//, '').replaceAll(/__|-+/g, (between) => between[0] ?? '');
  return tag === null || tag === 'latest' ? path : `${path}:${tag.slice(0, 64)}`;
}
