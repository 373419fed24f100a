import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ClientOptions } from './createClient.ts';

type Schema = Parameters<typeof z.fromJSONSchema>[0];

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Answer> } | undefined> | undefined>;
  components: { schemas: Record<string, Schema> };
}
interface Answer {
  content?: { 'application/json'?: { schema: object } };
}

/**
 * Checks answers by the document that this client was made from. A member that it does not have is left where it is: the
 * control plane may be newer.
 */
export function answerCheck(): NonNullable<ClientOptions['check']> {
  let document: Document | undefined;
  return ({ method, path, status }, body) => {
    document ??= readDocument();
    const answer = document.paths[path]?.[method]?.responses[String(status)];
    const schema = answer?.content?.['application/json']?.schema;
    if (schema === undefined) return new Error('The document does not have this answer.');
    const whole = { ...schema, $defs: document.components.schemas } as Schema;
    return z.fromJSONSchema(whole).safeParse(body).error ?? null;
  };
}

function readDocument(): Document {
  const text = readFileSync(new URL('openapi.json', import.meta.url), 'utf8');
  // Where JSON Schema by itself has what OpenAPI has among its components.
  return JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/'), (name, value: unknown) =>
    name === 'additionalProperties' && value === false ? undefined : value,
  ) as Document;
}
