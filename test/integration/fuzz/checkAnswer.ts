import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { PROBLEM_TYPE, problemSchema } from '../../../core/api/common.ts';
import type { OpenApiDocument, Operation, Schema } from './document.ts';
import type { FuzzAnswer } from './send.ts';

/** Holds answers against the document. */
export class AnswerChecker {
  // Formats are said by patterns too.
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #components: OpenApiDocument['components'];
  readonly #checks = new Map<Schema, ValidateFunction>();

  constructor({ components }: OpenApiDocument) {
    this.#components = components;
  }

  /** What is wrong with the answer to a request of the operation; nothing: it is as the document says. */
  faultsOf({ answers }: Operation, { status, headers, body }: FuzzAnswer): string[] {
    const content = answers.get(status);
    if (content === undefined) return [`${String(status)} is not in the document: ${body.slice(0, 500)}`];
    // That a device does not answer is no failure of the API.
    if (status >= 500 && status !== 502) return [`${String(status)}: ${body.slice(0, 500)}`];
    const kind = headers['content-type']?.split(';')[0]?.trim() ?? '';
    const kinds = Object.keys(content);
    if (kinds.length === 0) return body === '' ? [] : [`${String(status)} has a body: ${body.slice(0, 500)}`];
    if (!kinds.includes(kind))
      return [`${String(status)} is ${kind || 'of no kind'}, not ${kinds.join(' or ')}`];
    if (kind === PROBLEM_TYPE) return problemFaults(status, body);
    if (kind !== 'application/json') return [];
    return this.#schemaFaults(content[kind]?.schema ?? {}, body);
  }

  #schemaFaults(schema: Schema, body: string): string[] {
    // The schemas that it refers to stand where it looks for them.
    const check = this.#checks.get(schema) ?? this.#ajv.compile({ ...schema, components: this.#components });
    this.#checks.set(schema, check);
    if (check(JSON.parse(body))) return [];
    return [`the body is not as documented: ${this.#ajv.errorsText(check.errors)}: ${body.slice(0, 500)}`];
  }
}

/** What is wrong with a problem document of that status. */
export function problemFaults(status: number, body: string): string[] {
  const problem = problemSchema.safeParse(JSON.parse(body));
  if (!problem.success) return [`no problem document: ${body.slice(0, 500)}`];
  const { causes, status: told, title } = problem.data;
  const poor = causes.some(
    ({ code, message, mend }) => !/^[a-z][A-Za-z0-9]*$/.test(code) || message === '' || mend === '',
  );
  if (told !== status || title === '' || causes.length === 0 || poor)
    return [`a poor problem document: ${body.slice(0, 500)}`];
  return [];
}
