import type postgres from 'postgres';

/** Lists of values and of rows: with each length the text is another one. */
const HAS_LIST = /\bin \(\$\d+, \$|\), \(/;

/** Whether a statement's text is the same whatever it is asked with. */
export function isSteady(text: string): boolean {
  return !HAS_LIST.test(text);
}

type Unsafe = (text: string, values?: unknown[], options?: object) => unknown;
type Begin = (action: (inner: postgres.Sql) => unknown) => unknown;

/**
 * The same client, that has steady statements planned once for each connection instead of every time: the query builder
 * leaves that out, and planning is most of what a small statement costs. Others are planned each time, as many texts would stay
 * in the server's memory.
 */
export function preparing(client: postgres.Sql): postgres.Sql {
  const asPrepared: Unsafe = (text, values = [], options = {}) =>
    (client.unsafe as Unsafe)(text, values, { ...options, prepare: values.length > 0 && isSteady(text) });
  const wrapped: Record<string | symbol, unknown> = {
    unsafe: asPrepared,
    begin: inside('begin'),
    savepoint: inside('savepoint'),
  };
  function inside(how: 'begin' | 'savepoint'): Begin {
    return (action) =>
      (client as unknown as Record<typeof how, Begin>)[how]((inner) => action(preparing(inner)));
  }
  return new Proxy(client, {
    get: (target, name) => wrapped[name] ?? (Reflect.get(target, name) as unknown),
  });
}
