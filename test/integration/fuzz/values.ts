import fc, { type Arbitrary } from 'fast-check';
import type { OpenApiDocument, Schema } from './document.ts';

/** Texts that have broken programs before. */
const AWKWARD_TEXTS = [
  // What broke this one stands there more often.
  ...['\0', '\0', 'a\0b', '\ud800', '\ud800'],
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    '\udc00x',
    '\u0001\u001b[2J',
    '\u202e',
    '\ufeff',
    '\ufffd',
    '\u{1f9ed}',
  ],
  ...['e\u0301'.repeat(40), 'null', 'NaN', '-1', '1e400', "';--", '%00', '%', '..', '../..', '/', '\\', '{}'],
  ...[
    'a'.repeat(129),
    'a'.repeat(5_000),
    '😀'.repeat(400),
    '__proto__',
    'constructor',
    '2026-02-30T25:61:00Z',
  ],
];
const AWKWARD_NUMBERS = [
  ...[0, -0, -1, 0.1, 1e-320, 2 ** 31, 2 ** 32, 2 ** 53, Number.MAX_SAFE_INTEGER, -(2 ** 63), 1e300, -1e300],
];

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

/** Values of any kind. */
const awkward: Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...AWKWARD_TEXTS) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(...AWKWARD_NUMBERS) },
  fc.constantFrom<unknown>(null, true, false, [], {}, [null], nested(2_000)),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue(),
);

/** Texts of any kind. */
export const awkwardText: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...AWKWARD_TEXTS) },
  fc.string({ unit: 'binary', maxLength: 40 }),
);

/** Makes values of schemas. */
export class ValueMaker {
  readonly #schemas: Record<string, Schema>;
  readonly #known: (name: string) => string[];
  /** How often a value is awkward instead, of 100. */
  readonly awkwardness: number;

  /** `known` has texts that mean something as the parameter or member of that name: ids and names of what there is. */
  constructor(document: OpenApiDocument, known: (name: string) => string[], awkwardness: number) {
    this.#schemas = document.components.schemas;
    this.#known = known;
    this.awkwardness = awkwardness;
  }

  /** Values of a schema, now and then with something awkward in some place. `name` is what they are the value of. */
  of(schema: Schema, name = ''): Arbitrary<unknown> {
    const good = this.#good(schema, name);
    if (this.awkwardness === 0) return good;
    return fc.oneof(
      { weight: 100 - this.awkwardness, arbitrary: good },
      { weight: this.awkwardness, arbitrary: awkward },
    );
  }

  #good(schema: Schema, name: string): Arbitrary<unknown> {
    if (schema.$ref !== undefined)
      return this.#good(this.#schemas[schema.$ref.replace('#/components/schemas/', '')] ?? {}, name);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => this.of(one, name)));
    if (schema.not) return awkward;
    switch (schema.type) {
      case 'string':
        return this.#text(schema, name);
      case 'integer':
        return this.#number(schema, true);
      case 'number':
        return this.#number(schema, false);
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      case 'array':
        return fc.array(this.of(schema.items ?? {}, name), {
          minLength: schema.minItems ?? 0,
          maxLength: Math.min(schema.maxItems ?? 3, 3),
        });
      case 'object':
        return this.#object(schema);
      default:
        return awkward;
    }
  }

  #object({ properties, required = [], propertyNames, additionalProperties }: Schema): Arbitrary<unknown> {
    if (properties) {
      // What may never be given is given by those that add a member.
      const may = Object.entries(properties).filter(([, one]) => one.not === undefined);
      const members = may.map(([name, one]) => [name, this.of(one, name)] as const);
      const record = fc.record(Object.fromEntries(members), { requiredKeys: required });
      if (this.awkwardness === 0) return record;
      const left = (value: object) =>
        fc.constantFrom(...[...Object.keys(value), '']).map((name) => ({ ...value, [name]: undefined }));
      const more = fc
        .tuple(record, awkwardText, awkward)
        .map(([value, name, one]) => ({ ...value, [name]: one }));
      return fc.oneof({ weight: 18, arbitrary: record }, more, record.chain(left));
    }
    const values = typeof additionalProperties === 'object' ? this.of(additionalProperties) : awkward;
    return fc.dictionary(this.#text(propertyNames ?? { type: 'string' }, ''), values, { maxKeys: 3 });
  }

  #number({ minimum, exclusiveMinimum, maximum }: Schema, whole: boolean): Arbitrary<number> {
    const [min, max] = [minimum ?? exclusiveMinimum ?? -1e6, maximum ?? 1e6];
    const within = whole
      ? fc.integer({ min, max })
      : fc.double({ min, max, noNaN: true, minExcluded: exclusiveMinimum !== undefined });
    const edges = fc.constantFrom(max, exclusiveMinimum === undefined ? min : max);
    const beyond = fc.constantFrom(min - 1, max + 1, min + 0.5);
    const [most, some] = [
      { weight: 100, arbitrary: within },
      { weight: 20, arbitrary: edges },
    ];
    return fc.oneof(most, some, { weight: this.awkwardness, arbitrary: beyond });
  }

  #text(schema: Schema, name: string): Arbitrary<string> {
    const made = textOf(schema);
    const known = this.#known(name);
    return known.length === 0
      ? made
      : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: made });
  }
}

function textOf({ format, pattern, minLength = 0, maxLength = 200 }: Schema): Arbitrary<string> {
  if (format === 'email') return fc.stringMatching(/^[a-z]{1,12}$/).map((word) => `${word}@example.org`);
  const most = Math.min(maxLength, 200);
  if (pattern === undefined)
    return fc.string({ minLength, maxLength: Math.max(minLength, most), unit: 'grapheme' });
  // What fast-check cannot make texts of: lookaheads.
  if (pattern.includes('(?!')) return fc.constantFrom('/run', '/var/cache/x', '/a-b.c');
  return fc
    .stringMatching(new RegExp(pattern, 'u'), { size: 'small' })
    .filter((text) => text.length >= minLength && text.length <= maxLength);
}
