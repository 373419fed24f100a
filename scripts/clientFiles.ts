import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import openapiTypescript, { astToString, type OpenAPI3 } from 'openapi-typescript';
import { createApp } from '../api/app.ts';
import { readConfig } from '../api/config.ts';
import { openAuthority } from '../api/pki/authority.ts';
import { connectWorkflows } from '../api/workflows.ts';
import { openDatabase } from '../db/database.ts';

const STREAM = ts.factory.createTypeReferenceNode('ReadableStream', [
  ts.factory.createTypeReferenceNode('Uint8Array'),
]);
const HEAD = '// Made by `npm run generate:client` from the API. Do not change by hand.\n\n';
const pathOf = (name: string) => fileURLToPath(new URL(`../client/${name}`, import.meta.url));

/** The files of `client/` that are made from the API: its document, and the types of that. */
export async function clientFiles(): Promise<{ path: string; text: string }[]> {
  const document = await openApiDocument();
  const types = await openapiTypescript(document as unknown as OpenAPI3, {
    alphabetize: true,
    // Who asks may leave out what has a default; answers say themselves what is always there.
    defaultNonNullable: false,
    transform: ({ format }) => (format === 'binary' ? STREAM : undefined),
  });
  return [
    { path: pathOf('openapi.json'), text: `${JSON.stringify(document, null, 1)}\n` },
    { path: pathOf('paths.ts'), text: HEAD + astToString(types) },
  ];
}

/** What the API answers at /api/openapi.json; nothing is connected for it. */
async function openApiDocument(): Promise<object> {
  const folder = await mkdtemp(join(tmpdir(), 'drayage-document-'));
  try {
    const config = readConfig({
      DATABASE_URL: 'postgres://127.0.0.1:1/none',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DRAYAGE_DATA_DIR: folder,
    });
    const { db } = openDatabase(config.databaseUrl);
    const authority = await openAuthority(folder);
    const identity = await authority.controlIdentity(['localhost']);
    const workflows = connectWorkflows(config.temporal);
    const app = await createApp({ config, db, authority, identity, workflows });
    try {
      await app.ready();
      return app.swagger();
    } finally {
      await app.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
