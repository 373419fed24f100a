import fc, { type Arbitrary } from 'fast-check';
import type { Operation, Parameter } from './document.ts';
import { awkwardText, type ValueMaker } from './values.ts';

/** Who asks. */
export type Asker = 'operator' | 'owner' | 'viewer' | 'nobody' | 'madeUp';

/** A request as it is sent. */
export interface FuzzRequest {
  method: string;
  /** With the query; as it is, also where it cannot be read. */
  url: string;
  headers: Record<string, string>;
  body: string | null;
  asker: Asker;
}

/** Parts of a URL that cannot be read, or mean something else than they seem to. */
const AWKWARD_PARTS = [
  // What broke this one stands there more often.
  ...['%00', '%00', 'a%00b', '%zz'],
  ...[
    '%',
    '%zz',
    '%00',
    '%ff',
    '%ed%a0%80',
    '%c0%80',
    '..',
    '.',
    '%2e%2e',
    '%2f',
    '+',
    ';',
    ':',
    '*',
    '%2500',
  ],
  ...[
    'a'.repeat(129),
    'a'.repeat(4_000),
    '%F0%9F%98%80'.repeat(40),
    "'",
    '"',
    '{id}',
    '%0d%0aX: y',
    '[',
    '|',
    '^',
  ],
];
const AWKWARD_BODIES = [
  ...[
    '',
    '{',
    '}',
    '[',
    'null',
    '"',
    '"text"',
    '1',
    '{"a":}',
    '{"a":1}x',
    '\ufeff{}',
    '{"__proto__":{"a":1}}',
  ],
  ...['{"constructor":{"prototype":{}}}', '{"a":"\\u0000"}', '{"a":"\\ud800"}', `${'['.repeat(3_000)}`, '\0'],
  JSON.stringify('x'.repeat(1_200_000)),
];
const AWKWARD_TYPES = [
  ...[
    'text/plain',
    'application/xml',
    'application/json; charset=utf-16',
    'application/json;',
    'json',
    '*/*',
    '',
  ],
  ...['multipart/form-data; boundary=x', 'application/x-www-form-urlencoded', 'application/JSON', 'a/b/c'],
];

const mostly = <T>(good: Arbitrary<T>, bad: Arbitrary<T>, of = 12): Arbitrary<T> =>
  fc.oneof({ weight: of - 1, arbitrary: good }, { weight: 1, arbitrary: bad });

/** Requests of an operation, with something wrong in one place or several; `archives` are bodies that are good ones. */
export function requestsOf(
  operation: Operation,
  values: ValueMaker,
  archives: string[],
): Arbitrary<FuzzRequest> {
  const parameters = fc.tuple(...operation.parameters.map((one) => parameterOf(one, values)));
  return fc
    .record({
      parameters,
      more: mostly(
        fc.constant(''),
        fc.tuple(awkwardText, awkwardText).map(([name, value]) => pair(name, value)),
      ),
      headers: headersOf(operation, values),
      payload: payloadOf(operation, values, archives),
      asker: mostly<Asker>(
        fc.constant('operator'),
        fc.constantFrom('owner', 'viewer', 'nobody', 'madeUp'),
        8,
      ),
    })
    .map(({ parameters: given, more, headers, payload, asker }) => {
      const path = given.reduce((text, { of, parts }) => {
        return of.in === 'path' ? text.replace(`{${of.name}}`, parts[0] ?? '') : text;
      }, operation.path);
      const query = given.flatMap(({ of, parts }) => {
        return of.in === 'query' ? parts.map((part) => `${encodeURIComponent(of.name)}=${part}`) : [];
      });
      const search = [...query, more].filter((text) => text !== '').join('&');
      const inHeaders = given.flatMap(({ of, parts }) =>
        of.in === 'header' && parts[0] !== undefined ? [[of.name, headerText(parts[0])]] : [],
      );
      return {
        method: operation.method,
        url: search === '' ? path : `${path}?${search}`,
        headers: {
          ...headers,
          ...payload.headers,
          ...(Object.fromEntries(inHeaders) as Record<string, string>),
        },
        body: payload.body,
        asker,
      };
    });
}

const pair = (name: string, value: string) => `${encoded(name)}=${encoded(value)}`;
const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
/** What Node sends in a header. */
const headerText = (text: string) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?');

/** A parameter's values as they stand in the URL; none: it is left out. */
function parameterOf(of: Parameter, values: ValueMaker): Arbitrary<{ of: Parameter; parts: string[] }> {
  const asText = (value: unknown): string[] =>
    [value].flat().map((one) => encoded(typeof one === 'string' ? one : String(JSON.stringify(one))));
  const good = values.of(of.schema, of.name).map(asText);
  const bad = fc.constantFrom(...AWKWARD_PARTS).map((part) => [part]);
  // Without it the path would be another one.
  const given = mostly(good, bad, values.awkwardness === 0 ? 40 : 5).map((parts) =>
    of.in === 'path' && (parts[0] ?? '') === '' ? ['%20'] : parts,
  );
  const left = fc.constant<string[]>([]);
  const parts = of.in === 'path' ? given : of.required ? mostly(given, left) : fc.oneof(given, left);
  return parts.map((one) => ({ of, parts: one }));
}

function headersOf({ method }: Operation, values: ValueMaker): Arbitrary<Record<string, string>> {
  const text = (name: string) =>
    values
      .of({ type: 'string' }, name)
      .map((value) => headerText(String(JSON.stringify(value) ?? '')).slice(0, 300));
  const tenant = text('tenant').map((value): Record<string, string> => ({
    'x-drayage-tenant': value.replaceAll('"', ''),
  }));
  const key = text('idempotency-key').map((value): Record<string, string> => ({ 'idempotency-key': value }));
  const accept = fc.constantFrom<Record<string, string>>({ accept: 'image/png' }, { 'accept-encoding': 'x' });
  const none = fc.constant<Record<string, string>>({});
  return fc
    .tuple(mostly(none, tenant), method === 'POST' ? mostly(none, key, 6) : none, mostly(none, accept, 30))
    .map((all) => Object.fromEntries(all.flatMap((one) => Object.entries(one))));
}

interface Payload {
  body: string | null;
  headers: Record<string, string>;
}

function payloadOf(
  { bodies, bodyRequired, method }: Operation,
  values: ValueMaker,
  archives: string[],
): Arbitrary<Payload> {
  const none = fc.constant<Payload>({ body: null, headers: {} });
  const typed = (body: string, type: string): Payload => ({ body, headers: { 'content-type': type } });
  const json = bodies['application/json']?.schema;
  const bytes = mostly(fc.constantFrom(...archives), fc.string({ unit: 'binary', maxLength: 2_000 }), 3);
  const awkwardBody = fc
    .tuple(
      fc.constantFrom(...AWKWARD_BODIES),
      mostly(fc.constant('application/json'), fc.constantFrom(...AWKWARD_TYPES), 3),
    )
    .map(([body, type]) => typed(body, type));
  if (json) {
    const text = values.of(json).map((value) => JSON.stringify(value) ?? '');
    const good = text.map((body) => typed(body, 'application/json'));
    const otherwise = fc
      .tuple(text, fc.constantFrom(...AWKWARD_TYPES))
      .map(([body, type]) => typed(body, type));
    const bad = fc.oneof(awkwardBody, otherwise, none);
    return bodyRequired ? mostly(good, bad, 8) : mostly(fc.oneof(good, none), bad, 8);
  }
  const kinds = Object.keys(bodies);
  if (kinds.length > 0)
    return mostly(
      fc.tuple(bytes, fc.constantFrom(...kinds)).map(([body, type]) => typed(body, type)),
      fc.oneof(awkwardBody, none),
      4,
    );
  return method === 'GET' ? none : mostly(none, awkwardBody, 4);
}
