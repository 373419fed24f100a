import { defineConfig } from 'drizzle-kit';

/** `drizzle-kit generate --config db/drizzle.config.ts` writes the SQL of a changed schema into db/migrations. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/index.ts',
  out: './db/migrations',
});
