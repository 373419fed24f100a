import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import * as schema from '../db/schema/index.ts';

type Table = ReturnType<typeof getTableConfig>;

const HEAD = `# The database

Made from \`db/schema\` by \`npm run docs:schema\`; a test compares the two. PK is a primary key, FK a reference, UK unique by
itself; a crow's foot is many, a circle none. Beside it stand checks and partial indexes in \`db/migrations\`.
`;

/** docs/schema.md: every table with its columns, and what refers to what, as a Mermaid diagram. */
export function schemaDocument(): string {
  const tables = Object.values(schema)
    .filter((one) => is(one, PgTable))
    .map((one) => getTableConfig(one as PgTable))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  const lines = [...tables.flatMap(entity), ...tables.flatMap(relations)];
  return `${HEAD}\n\`\`\`mermaid\nerDiagram\n${lines.map((line) => `  ${line}`).join('\n')}\n\`\`\`\n`;
}

function entity(table: Table): string[] {
  const columns = table.columns.map((column) => {
    const type = column.getSQLType().replaceAll(/\W+/g, '_').replace(/_$/, '');
    const keys = keysOf(table, column.name);
    const optional = column.notNull ? '' : ' "optional"';
    return `  ${type} ${column.name}${keys.length === 0 ? '' : ` ${keys.join(', ')}`}${optional}`;
  });
  return [`${table.name} {`, ...columns, '}'];
}

function keysOf(table: Table, name: string): string[] {
  const isPrimary =
    table.columns.some((column) => column.name === name && column.primary) ||
    table.primaryKeys.some(({ columns }) => columns.some((column) => column.name === name));
  const refers = table.foreignKeys.some((key) =>
    key.reference().columns.some((column) => column.name === name),
  );
  return [...(isPrimary ? ['PK'] : []), ...(refers ? ['FK'] : []), ...(isUnique(table, name) ? ['UK'] : [])];
}

/** Whether a value of this column is there once at most, whatever the others say. */
function isUnique(table: Table, name: string): boolean {
  const alone = (columns: readonly { name?: string }[]) => columns.length === 1 && columns[0]?.name === name;
  return (
    table.columns.some((column) => column.name === name && column.isUnique) ||
    table.uniqueConstraints.some(({ columns }) => alone(columns)) ||
    table.indexes.some(
      ({ config }) =>
        config.unique && config.where === undefined && alone(config.columns as { name?: string }[]),
    )
  );
}

function relations(table: Table): string[] {
  return table.foreignKeys.map((key) => {
    const { columns, foreignTable } = key.reference();
    const names = columns.map(({ name }) => name);
    const [column] = table.columns.filter(({ name }) => name === names[0]);
    const isAlone = names.length === 1 && (isUnique(table, names[0] ?? '') || column?.primary === true);
    const one = column?.notNull === true ? '||' : '|o';
    return `${getTableConfig(foreignTable).name} ${one}--${isAlone ? 'o|' : 'o{'} ${table.name} : ${names.join('_')}`;
  });
}
