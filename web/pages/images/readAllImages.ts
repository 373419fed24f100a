import type { Client, Schemas } from '../../../client/createClient.ts';

/** At most so many at a time. */
const LIMIT = 500;

/** Every image of the tenant, newest first as the API has them. */
export async function readAllImages(client: Client, signal: AbortSignal): Promise<Schemas['Image'][]> {
  const images: Schemas['Image'][] = [];
  let cursor: string | null = null;
  do {
    const query = { limit: LIMIT, ...(cursor === null ? {} : { cursor }) };
    const page: { items: Schemas['Image'][]; nextCursor: string | null } = await client.get('/images', {
      params: { query },
      signal,
    });
    images.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return images;
}
