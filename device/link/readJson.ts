import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { z } from 'zod';

/** What a peer has sent, if it is JSON of this schema; else null. */
export async function readJson<T extends z.ZodType>(body: Readable, schema: T): Promise<z.output<T> | null> {
  const sent = await text(body);
  try {
    return schema.safeParse(JSON.parse(sent)).data ?? null;
  } catch {
    return null;
  }
}
