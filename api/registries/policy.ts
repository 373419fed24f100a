import { z } from 'zod';
import { registryHostSchema } from '../../core/registryReference.ts';

/** Which registries tenants may name. */
export interface RegistryPolicy {
  /** Of those that the operator lists: at which addresses they are does not matter. Plain: without TLS. */
  listed: ReadonlyMap<string, { plain: boolean }>;
}

/** DRAYAGE_REGISTRIES: hosts with commas between them, `http://` before one that has no TLS. */
export const registriesSchema = z.string().transform((text, context): RegistryPolicy => {
  const listed = new Map<string, { plain: boolean }>();
  for (const item of text.split(',').map((one) => one.trim())) {
    if (item === '') continue;
    const plain = item.startsWith('http://');
    const host = registryHostSchema.safeParse(item.replace(/^https?:\/\//, ''));
    if (!host.success) {
      context.addIssue({ code: 'custom', message: `holds ${JSON.stringify(item)}, which is no registry` });
      return z.NEVER;
    }
    listed.set(host.data, { plain });
  }
  return { listed };
});

/** How a registry's own API is reached. */
export function baseUrl(policy: RegistryPolicy, host: string): URL {
  return new URL(`${policy.listed.get(host)?.plain === true ? 'http' : 'https'}://${host}/v2/`);
}

/**
 * Whether a URL, the registry's own or one that it leads to, may be asked at all, and whether at any address.
 * Where TLS is missing the operator has to have said so.
 */
export function ruleFor(policy: RegistryPolicy, url: URL): 'refused' | 'publicOnly' | 'anyAddress' {
  const listed = policy.listed.get(url.host);
  if (url.username !== '' || url.password !== '') return 'refused';
  if (url.protocol === 'http:') return listed?.plain === true ? 'anyAddress' : 'refused';
  if (url.protocol !== 'https:') return 'refused';
  return listed === undefined ? 'publicOnly' : 'anyAddress';
}
