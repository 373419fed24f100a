/** A JSON schema as the document has them; what of it is looked at. */
export interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  not?: Schema;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  propertyNames?: Schema;
  additionalProperties?: Schema | boolean;
}

type Content = Record<string, { schema?: Schema }>;
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  schema: Schema;
}
interface DescribedOperation {
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { $ref?: string; content?: Content }>;
  security?: unknown[];
}

/** What of an OpenAPI document the fuzzing stands on. */
export interface OpenApiDocument {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, { content?: Content }> };
}

/** One method of one path. */
export interface Operation {
  /** As in `GET /api/v1/devices/{id}`. */
  name: string;
  method: string;
  path: string;
  /** Whether it needs no sign-in. */
  open: boolean;
  parameters: Parameter[];
  /** By media type; without a schema any bytes. */
  bodies: Content;
  bodyRequired: boolean;
  /** For each status what may be answered, by media type; none: no body. */
  answers: Map<number, Content>;
}

/** Those that change nothing come first, and those that delete last: what is asked about is there for as long as possible. */
const ORDER = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** All operations of a document. */
export function operationsOf({ paths, components }: OpenApiDocument): Operation[] {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([lower, described]): Operation => {
      const method = lower.toUpperCase();
      const answers = Object.entries(described.responses).map(([status, answer]): [number, Content] => {
        const shared = answer.$ref?.replace('#/components/responses/', '');
        return [
          Number(status),
          (shared === undefined ? answer : components.responses[shared])?.content ?? {},
        ];
      });
      return {
        ...{ name: `${method} ${path}`, method, path },
        open: described.security?.length === 0,
        parameters: described.parameters ?? [],
        bodies: described.requestBody?.content ?? {},
        bodyRequired: described.requestBody?.required ?? false,
        answers: new Map(answers),
      };
    }),
  );
  return operations.sort((one, other) => ORDER.indexOf(one.method) - ORDER.indexOf(other.method));
}
