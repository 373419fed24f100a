import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type postgres from 'postgres';
import type { Lab } from '../../lab/state.ts';
import { openDatabase } from '../openDatabase.ts';
import type { Statement } from './step.ts';

/** So many statements are told of. */
const SLOWEST = 8;
/** PostgreSQL's message about a plan that it cannot make without values, or of what has none. */
const NO_PLAN = 'no plan: ';

/** The records of a lab's control plane, as its database and Temporal's keep them. */
export interface Records {
  readonly sql: postgres.Sql;
  /** What they take: tables and indexes without the metrics, which come with time; Temporal's files. */
  bytes(): Promise<{ postgres: number; temporal: number }>;
  /** Statements are counted from now on. */
  forgetStatements(): Promise<void>;
  /** Those that took the most time in all, with their plans. */
  slowest(): Promise<Statement[]>;
  close(): Promise<void>;
}

/** Opens a lab's database as its owner. */
export async function openRecords(lab: Lab): Promise<Records> {
  const { controlData } = lab.paths;
  const sql = await openDatabase(lab);
  await sql`create extension if not exists pg_stat_statements`;
  return {
    sql,
    bytes: async () => {
      const [row] = await sql<{ bytes: number }[]>`
        select sum(pg_total_relation_size(oid))::float8 as bytes from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'metric'`;
      return { postgres: row?.bytes ?? 0, temporal: await temporalBytes(controlData) };
    },
    forgetStatements: async () => {
      await sql`select pg_stat_statements_reset()`;
    },
    slowest: async () => {
      const rows = await sql<Omit<Statement, 'plan'>[]>`
        select query as text, calls::float8 as calls, total_exec_time as "totalMs", mean_exec_time as "meanMs"
        from pg_stat_statements s join pg_database d on d.oid = s.dbid
        where d.datname = current_database() and query not ilike '%pg_stat_statements%'
        order by total_exec_time desc limit ${SLOWEST}`;
      const told: Statement[] = [];
      for (const row of rows) told.push({ ...row, plan: await planOf(sql, row.text) });
      return told;
    },
    close: () => sql.end({ timeout: 5 }),
  };
}

/** The plan that is made without values. */
async function planOf(sql: postgres.Sql, text: string): Promise<string[]> {
  try {
    const rows = await sql.unsafe<{ 'QUERY PLAN': string }[]>(`explain (generic_plan) ${text}`).simple();
    return rows.map((row) => row['QUERY PLAN']);
  } catch (error) {
    return [`${NO_PLAN}${(error as Error).message}`];
  }
}

/** Of SQLite's file, with what it has not taken into it yet. */
async function temporalBytes(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('temporal.sqlite'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
